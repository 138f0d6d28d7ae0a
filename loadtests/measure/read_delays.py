"""The polls: when a process of the generator looked at its sockets, and what it can't have read in time."""

import resource
from bisect import bisect
from collections.abc import Sequence
from math import inf
from time import monotonic

from gevent import get_hub

SHORT_SECONDS = 0.01
"""By so much anything may be read late, and it isn't noted."""
AWAKE_SECONDS, SLEPT_SECONDS = 0.001, 0.1
"""A poll that took less can't be told from one that found something at once, though the system counts a sleep in it now
and then; one that took more has slept, whatever the system counts."""
WHOSE = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)  # macOS counts for the whole process only

Stretch = tuple[float, float, float]
"""The end of one poll, the begin of the next, and since when what is read between them may have been there, all in
seconds of time.monotonic(): since the end of the poll before, unless the first of these had to wait for it."""


class Polls:
    """Notes this process's long stretches between polls, from `start` on, for as long as its loop runs."""

    def __init__(self, stretches: list[Stretch]) -> None:
        self._stretches = stretches
        loop = get_hub().loop
        # Around all that gevent itself does between two polls: the last before one, the first after it.
        self._before = loop.prepare(ref=False, priority=loop.MINPRI)
        self._after = loop.check(ref=False, priority=loop.MAXPRI)

    def start(self) -> None:
        self._begun = self._ended = self._since = inf
        self._waits = 0
        self._before.start(self._poll)
        self._after.start(self._polled)

    def stop(self) -> None:
        self._before.stop()
        self._after.stop()

    def _poll(self) -> None:
        self._begun, self._waits = monotonic(), waits()
        if self._begun - self._since > SHORT_SECONDS:
            self._stretches.append((self._ended, self._begun, self._since))

    def _polled(self) -> None:
        now = monotonic()
        slept = now - self._begun > (AWAKE_SECONDS if waits() != self._waits else SLEPT_SECONDS)
        self._since, self._ended = now if slept else self._ended, now


def waits() -> int:
    """How often this thread has gone to sleep by itself; one that others keep off the core doesn't."""
    return resource.getrusage(WHOSE).ru_nvcsw


def late_by(stretches: Sequence[Stretch], at: float) -> float:
    """Seconds by which something that was read at `at` may have been read too late; 0 if it can't."""
    last = bisect(stretches, (at, inf)) - 1
    if last < 0 or at > stretches[last][1]:
        return 0.0
    return at - stretches[last][2]
