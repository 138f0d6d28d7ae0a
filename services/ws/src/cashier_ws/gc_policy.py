"""Decides when Python's garbage collector runs in a ws replica.

A full garbage collection stops the process for about 40 ms per thousand screens. By default, Python runs a full
collection whenever a quarter of all objects are new. The objects of a connected screen stay for months. Therefore the
policy freezes them, and the collector then ignores them (https://docs.python.org/3/library/gc.html#gc.freeze).

Frozen objects can become garbage only when screens leave. Therefore the policy runs a full collection only after many
screens have left. Many screens usually leave when the network fails, and not while a store calls its customers.

A full collection also examines all objects of the program itself, which takes about 40 ms. One client that reconnects
all the time must not cause such a pause every few seconds. Therefore the policy runs at most one full collection in ten
minutes.

Behind Daphne, a screen that has left leaves no garbage, because `cashier_ws.daphne.protocol` breaks the only cycle.

This module does not depend on Daphne, so it is not in the package `cashier_ws.daphne`. It works behind any ASGI server.
"""

import gc
from math import inf

MANY = 250
"""The number of screens that must leave before the next full collection. These screens leave about 5 MB of garbage.

If more than 500 screens are connected, the policy uses half the number of connected screens instead.
"""
FULL_SECONDS = 600.0
"""The shortest time between two full collections."""


class GcPolicy:
    """Decides whether to collect all objects, only new objects, or nothing."""

    def __init__(self) -> None:
        self._joined = 0
        self._left = 0
        self._full_at = -inf

    def apply(self, joined: int, screens: int, now: float) -> None:
        """Collect garbage if necessary, and freeze the objects that remain.

        The hub calls this method about once a second.

        If many screens have left since the last full collection, all objects are unfrozen and a full collection runs.
        Otherwise, if screens have connected since the last collection, only objects that are not frozen are examined.
        After a handshake, each new object either is garbage or belongs to a connected screen. Therefore the objects
        that remain can be frozen, and later collections ignore them.

        joined: the number of screens that have connected since the replica started.
        screens: the number of screens that are connected now.
        now: the time in seconds, on a clock that never jumps.
        """
        left = joined - screens
        if left - self._left >= max(MANY, screens // 2) and now - self._full_at >= FULL_SECONDS:
            gc.unfreeze()
            self._left, self._full_at = left, now
        elif joined == self._joined:
            return
        gc.collect()
        gc.freeze()
        self._joined = joined
