"""When Python's garbage collector runs in a ws replica. A full collection stops the process for some 40 ms per thousand
screens.

By itself, Python runs a full collection whenever a quarter of all objects is new. The objects of a connected screen
stay for months, so the policy freezes them, which exempts them from collections. Only screens that have left can leave
garbage among the frozen objects. The policy therefore collects everything only after many screens have left, which
happens when the network fails, and not in the middle of a call on a quiet day.
https://docs.python.org/3/library/gc.html#gc.freeze

This module is not in `cashier_ws.daphne` because it needs nothing of Daphne: the hub, which counts the screens, applies
the policy behind any ASGI server.
"""

import gc

MANY = 250
"""Screens that may leave before everything is collected (about 5 MB of garbage), or half of the connected screens if
that is more."""


class GcPolicy:
    """Decides between collecting new objects only, and collecting everything."""

    def __init__(self) -> None:
        self._joined = 0
        self._left = 0

    def apply(self, joined: int, screens: int) -> None:
        """Collect garbage and freeze the rest. The hub calls this about once a second.

        joined: the number of screens that have ever connected. screens: the number that is connected now.

        If screens have connected since the last time, only new objects are collected: after a handshake they are
        garbage, or belong to a screen. If many screens have left since the last full collection, all objects are.
        """
        left = joined - screens
        if left - self._left >= max(MANY, screens // 2):
            gc.unfreeze()
            self._left = left
        elif joined == self._joined:
            return
        gc.collect()
        gc.freeze()
        self._joined = joined
