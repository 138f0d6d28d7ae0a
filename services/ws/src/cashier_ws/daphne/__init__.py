"""The ws service on Daphne. Everything that depends on internals of Daphne, Twisted or autobahn is in this package.

server: Daphne's server and command line, with drain. listener: how many connections are accepted at once.
handshake: passes a screen's handshake straight to autobahn. protocol: one screen's socket.

Each place that uses an internal says why and what it saves. They were tested with daphne 4.2.3, twisted 26.10.0 and
autobahn 26.10.2; `tests/ws/test_library_internals.py` fails if an upgrade changes one of these internals.
"""
