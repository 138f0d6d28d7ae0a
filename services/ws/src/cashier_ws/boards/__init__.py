"""Boards play the calls of stores. Each store that has a screen on this replica has one board.

This package works behind any ASGI server. Its modules are:

- hub: contains all boards of the replica.
- sync: keeps the boards equal to the timelines in Redis.
- board: plays the calls of one store on its screens.
- playlist: computes which call is shown at which time.
- reports: reads the reports of screens.
- proofs: keep account of what the screens report about each call. proof_writer: writes the proofs to Redis.
- screen_statuses: know what the screens report about themselves. status_writer: writes the statuses to Redis.
- commands: pass commands of managers to single screens.
- repeat: repeats a step that needs Redis.
- frames: builds the websocket frames that are sent to screens.
- revocation: knows the paired screens, and closes the websockets of revoked screens.
"""
