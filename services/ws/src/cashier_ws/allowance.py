"""Defines how many frames or messages a screen may send, and how many fragments a message may have.

Behind Daphne, `cashier_ws.daphne` counts every frame that a screen sends, including pings, pongs and fragments. Other
ASGI servers pass only whole messages to the application. Therefore the consumer counts the messages, too.
"""

import time

BURST, PER_SECOND = 20, 1.0
"""A screen may send 20 frames at once, and one frame a second on average.

If a screen sends more, its websocket is closed. A page needs much less: it sends a few reports a minute, or, in version
0.1.0, a ping every 15 s. If its network has failed for a while, a few of them arrive together.
"""

FRAGMENTS = 8
"""The largest number of frames into which a screen may split a message. A page does not split its messages at all.

autobahn keeps the fragments of a message in memory until the message is complete. The maximum length of a message does
not limit the number of fragments, because a fragment without payload adds no length.
"""


class Allowance:
    """Counts what one screen sends."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left, self._at = float(BURST), time.monotonic()

    def take(self) -> bool:
        """Count one frame or message, and return whether the screen was allowed to send it."""
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._at) * PER_SECOND) - 1
        self._at = now
        return self._left >= 0
