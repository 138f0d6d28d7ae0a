"""Faults that were injected during a run, and what each of them may cost.

loadtests/README.md contains the same costs as a table. The verdict excuses nothing else.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from math import inf

REPAIR_SECONDS = 2.5
"""The time after the end of a fault within which a replica knows all calls again.

The replica compares its boards with Redis about once a second, and may first have to connect to Redis again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one kind of fault may cost.

    A screen is affected by a fault if its connection goes through a worker process of Nginx, or a replica, that has the
    fault.
    refuses_presses: whether presses may be refused during the fault, and for a while after its end.
    disconnects: whether the connections of the affected screens end when the fault begins.
    silence: affected screens may miss frames, or receive them late, until this many seconds after the end of the fault;
    None if they miss nothing.
    lasts_twice: whether the silence may last twice as long as the fault. TCP sends a lost packet again, and doubles the
    waiting time before each new attempt.
    misses_events: whether the replicas of the affected screens may miss announcements. A call that was announced before
    or after the fault is still shown.
    hides_calls: whether a replica cannot read calls from Redis during the fault. A screen that connects during the
    fault may then miss the calls that were announced before the screen connected.
    lost_seconds: Redis may forget the calls of this many seconds before the fault. Screens do not show these calls.
    slack: seconds by which a hold on any screen may be shorter or longer than without the fault.
    delays: whether calls that are announced during the fault may begin late.
    """

    refuses_presses: bool = False
    disconnects: bool = False
    silence: float | None = None
    lasts_twice: bool = False
    misses_events: bool = False
    hides_calls: bool = False
    lost_seconds: float = 0.0
    slack: float = 0.0
    delays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """One fault that was injected. Times are in seconds of time.monotonic().

    name: a short description, for example "3 pause ws1".
    end: when the fault was undone and its target answered again.
    parts: the replicas (as addresses) and the worker processes of Nginx (as process ids) that have the fault; None if
    the fault affects all screens.
    recovered: whether the target answered again.
    """

    name: str
    begin: float
    end: float
    cost: Cost = field(default_factory=Cost)
    parts: frozenset[str] | None = None
    recovered: bool = True

    def affects(self, parts: Collection[str]) -> bool:
        """Return whether the fault affects a screen. parts: the parts through which its connection goes."""
        return self.parts is None or not self.parts.isdisjoint(parts)

    @property
    def silent_until(self) -> float:
        """The time until which affected screens may miss frames; minus infinity if they miss nothing."""
        if self.cost.silence is None:
            return -inf
        return self.end + self.cost.silence + (self.end - self.begin if self.cost.lasts_twice else 0)

    @property
    def repaired(self) -> float:
        """The time at which all replicas that the fault affects know all calls again."""
        return self.end + REPAIR_SECONDS

    @property
    def disturbs_screens(self) -> bool:
        """Whether screens may be unable to connect during the fault."""
        cost = self.cost
        return cost.disconnects or cost.silence is not None or cost.hides_calls or cost.slack > 0


def overlap(begin: float, end: float, other_begin: float, other_end: float) -> bool:
    """Return whether two periods have a moment in common."""
    return begin <= other_end and other_begin <= end


def is_silent(faults: Iterable[InjectedFault], begin: float, end: float) -> bool:
    """Return whether one of these faults may have kept frames from a screen in the period from `begin` to `end`.

    faults: faults that affect the screen.
    """
    return any(overlap(begin, end, fault.begin, fault.silent_until) for fault in faults)
