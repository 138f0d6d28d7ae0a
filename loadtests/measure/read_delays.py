"""How late a process of the load generator may have read from its sockets.

A process that is busy for 0.2 s reads a number up to 0.2 s after the number arrived, and a hold then looks shorter than
it was. This module records each period in which a gevent process did not poll its sockets, so that the ledger can tell
whether a hold was too short or only read late.
"""

import resource
from bisect import bisect
from collections.abc import Sequence
from math import inf
from time import monotonic

from gevent import get_hub

SHORT_SECONDS = 0.01
"""Delays up to this length are not recorded."""
AWAKE_SECONDS, SLEPT_SECONDS = 0.001, 0.1
"""Limits that tell whether a poll had to wait for something to read.

A shorter poll than AWAKE_SECONDS counts as one that found something at once, although the operating system sometimes
counts a context switch in it. A longer poll than SLEPT_SECONDS has waited, whatever the operating system counts."""
RUSAGE = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)  # macOS counts for the whole process only

ReadDelay = tuple[float, float, float]
"""(end of a poll, begin of the next poll, `since`), in seconds of time.monotonic().

A message that is read between the two polls arrived after `since`. If the first poll had to wait, nothing had arrived
before this poll ended, so `since` is its end. Otherwise `since` is the end of the poll before it."""


class ReadDelayRecorder:
    """Records the read delays of this process from `start` to `stop`, for the event loop of this thread."""

    def __init__(self, read_delays: list[ReadDelay]) -> None:
        self._read_delays = read_delays
        loop = get_hub().loop
        # With these priorities, `prepare` is the last callback before a poll and `check` the first one after it.
        self._prepare = loop.prepare(ref=False, priority=loop.MINPRI)
        self._check = loop.check(ref=False, priority=loop.MAXPRI)

    def start(self) -> None:
        self._poll_begun = self._poll_ended = self._since = inf
        self._switches = 0
        self._prepare.start(self._before_poll)
        self._check.start(self._after_poll)

    def stop(self) -> None:
        self._prepare.stop()
        self._check.stop()

    def _before_poll(self) -> None:
        self._poll_begun, self._switches = monotonic(), voluntary_context_switches()
        if self._poll_begun - self._since > SHORT_SECONDS:
            self._read_delays.append((self._poll_ended, self._poll_begun, self._since))

    def _after_poll(self) -> None:
        now = monotonic()
        switched = voluntary_context_switches() != self._switches
        waited = now - self._poll_begun > (AWAKE_SECONDS if switched else SLEPT_SECONDS)
        self._since, self._poll_ended = now if waited else self._poll_ended, now


def voluntary_context_switches() -> int:
    """How often this thread has gone to sleep by itself. Being preempted by other processes does not count."""
    return resource.getrusage(RUSAGE).ru_nvcsw


def longest_delay_at(read_delays: Sequence[ReadDelay], at: float) -> float:
    """Return by how many seconds something that was read at `at` may have been read too late; 0 if it was in time."""
    last = bisect(read_delays, (at, inf)) - 1
    if last < 0 or at > read_delays[last][1]:
        return 0.0
    return at - read_delays[last][2]
