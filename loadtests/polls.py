"""The polls: when a process of the generator looked at its sockets, and what it can't have read in time."""

from bisect import bisect
from collections.abc import Sequence
from math import inf
from time import monotonic

from gevent import get_hub

SHORT_SECONDS = 0.01
"""A stretch between two polls that isn't noted."""

Stretch = tuple[float, float]
"""From the end of one poll to the begin of the next, in seconds of time.monotonic(): nobody looks at the sockets."""


class Polls:
    """Notes this process's long stretches between polls, from `start` on, for as long as its loop runs."""

    def __init__(self, stretches: list[Stretch]) -> None:
        self._stretches, self._ended = stretches, inf
        loop = get_hub().loop
        # Around all that gevent itself does between two polls: the last before one, the first after it.
        self._before = loop.prepare(ref=False, priority=loop.MINPRI)
        self._after = loop.check(ref=False, priority=loop.MAXPRI)

    def start(self) -> None:
        self._before.start(self._poll)
        self._after.start(self._polled)

    def stop(self) -> None:
        self._before.stop()
        self._after.stop()

    def _poll(self) -> None:
        if (begun := monotonic()) - self._ended > SHORT_SECONDS:
            self._stretches.append((self._ended, begun))

    def _polled(self) -> None:
        self._ended = monotonic()


def late_by(stretches: Sequence[Stretch], at: float) -> float:
    """Seconds by which something that was read at `at` may have been read too late; 0 if it can't.

    It had come by the poll before; and if that one didn't have to wait, at any time in the stretch before that.
    """
    last = bisect(stretches, (at, inf)) - 1
    if last < 0 or at > stretches[last][1] + SHORT_SECONDS:
        return 0.0
    begun, ended = stretches[last]
    if last and at <= ended and begun - stretches[last - 1][1] <= SHORT_SECONDS:
        begun = stretches[last - 1][0]
    return at - begun
