"""The garbage: when this process looks for it, which stops everything here for some 40 ms per thousand screens.

By itself Python looks through all that it has whenever a quarter of that is new. But what belongs to a screen stays for
months: it is frozen, which exempts it. Only screens that have gone can have left garbage there, so it is looked through
again when many of them have: in a storm, and not in the middle of a quiet day's call.
https://docs.python.org/3/library/gc.html#gc.freeze
"""

import gc

MANY = 250
"""Screens that may have gone before their garbage is looked for, some 5 MB; or half as many as are here, if more."""


class Garbage:
    """Counts on being told about once a second how many screens have ever joined, and how many are here."""

    def __init__(self) -> None:
        self._joined = 0
        self._gone = 0

    def settle(self, joined: int, screens: int) -> None:
        """Look through what is new, which is garbage where the handshake is over, and exempt the rest.

        Or look through everything, if many have gone since that was done last.
        """
        gone = joined - screens
        if gone - self._gone >= max(MANY, screens // 2):
            gc.unfreeze()
            self._gone = gone
        elif joined == self._joined:
            return
        gc.collect()
        gc.freeze()
        self._joined = joined
