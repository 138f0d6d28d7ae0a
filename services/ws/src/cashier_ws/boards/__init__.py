"""Boards: each store that has a screen on this replica has one. Works behind any ASGI server.

hub: all boards of the replica. sync: keeps the boards equal to Redis. board: plays one store's calls on its screens.
playlist: which call is shown when. frames: what is sent to screens. revocation: closes revoked screens.
"""
