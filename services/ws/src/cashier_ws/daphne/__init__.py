"""Runs ws on the server Daphne. All code that depends on internals of Daphne, Twisted or autobahn is in this package.

Daphne uses the network library Twisted and the websocket library autobahn. The modules of this package are:

- server: Daphne's server and command line, extended by the drain.
- listener: limits how many connections are accepted at once.
- handshake: passes the websocket handshake of a screen directly to autobahn.
- protocol: the websocket protocol of one screen. frame_writer: writes to the socket of the screen. report_frame: reads
  the reports of the screen.

Each place that uses an internal has a comment with the reason. The code was tested with daphne 4.2.3, twisted 26.10.0
and autobahn 26.10.2. `tests/ws/test_library_internals.py` fails if an upgrade changes one of these internals.
"""
