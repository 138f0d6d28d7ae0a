"""The websocket service: sends calls to the screens.

asgi: the ASGI application. consumers: one object per screen's connection. screens: the two ways to send to a screen.
boards: the calls of each store, and which screens show them; works behind any ASGI server.
daphne: the server, and everything that depends on internals of Daphne, Twisted or autobahn.
gc_policy: when Python's garbage collector runs. health, metrics, settings: as their names say.
"""
