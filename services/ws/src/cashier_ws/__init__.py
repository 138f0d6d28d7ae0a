"""The websocket service ws, which sends calls to the screens. Its modules and packages are:

- asgi: the ASGI application.
- consumers: handles the websocket of one screen.
- screens: the two ways to send a frame to a screen.
- boards: play the calls of each store on its screens. This package works behind any ASGI server.
- daphne: the server, and all code that depends on internals of Daphne, Twisted or autobahn.
- allowance: how many frames a screen may send.
- gc_policy: decides when Python's garbage collector runs.
- health: answers HTTP requests. metrics: the Prometheus metrics. settings: the Django settings of ws.
"""

# flit reads the version of this package here.
from cashier_core import __version__ as __version__
