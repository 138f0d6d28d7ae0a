"""Records how late a process of the load generator may have read from its sockets.

A message that arrives while the process is busy is read only when the process has finished its work. For example, if
the process reads the begin of a hold 0.2 s late, the hold looks 0.2 s too short. Therefore this module records each
period in which a gevent process did not poll its sockets. With these periods, the ledger knows which holds may look
wrong only because they were read late.
"""

import resource
from bisect import bisect
from collections.abc import Sequence
from math import inf
from time import monotonic

from gevent import get_hub

SHORT_SECONDS = 0.01
"""Read delays of this length or shorter are not recorded."""
AWAKE_SECONDS, SLEPT_SECONDS = 0.001, 0.1
"""Times in seconds that decide whether a poll waited for a message.

When a thread waits, the operating system usually counts a context switch of the thread. A poll with a context switch
counts as waiting if it took longer than AWAKE_SECONDS. A poll without a context switch counts as waiting if it took
longer than SLEPT_SECONDS."""
# macOS has no RUSAGE_THREAD, and counts context switches only for the whole process. Therefore RUSAGE_SELF is used
# there.
RUSAGE = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)

ReadDelay = tuple[float, float, float]
"""A period in which a process did not poll its sockets: (begin, end, `since`), in seconds of time.monotonic().

A message that was read in the period arrived after `since`. If the process waited in the poll before the period, no
message arrived before the end of this poll, so `since` equals begin. Otherwise the message may have arrived during the
work before this poll. In this case `since` is the time at which that work began."""


class ReadDelayRecorder:
    """Records the read delays of the event loop of the current thread, from `start` to `stop`."""

    def __init__(self, read_delays: list[ReadDelay]) -> None:
        self._read_delays = read_delays
        loop = get_hub().loop
        # The priorities make `_before_poll` the last callback before a poll of the sockets, and `_after_poll` the first
        # callback after it. All other callbacks then run between two polls.
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
    """Return how often the operating system has stopped this thread because the thread had to wait.

    If the operating system stops the thread in favour of another process, this does not count.
    """
    return resource.getrusage(RUSAGE).ru_nvcsw


def longest_delay_at(read_delays: Sequence[ReadDelay], at: float) -> float:
    """Return the longest possible delay, in seconds, between the arrival and the reading of a message.

    at: the time at which the message was read.

    The result is 0 if the message was read in time.
    """
    last = bisect(read_delays, (at, inf)) - 1
    if last < 0 or at > read_delays[last][1]:
        return 0.0
    return at - read_delays[last][2]
