"""One run of a load test: what was done to the system, and what was recorded. The verdict is computed later."""

from collections import Counter
from dataclasses import dataclass, field

from loadtests.measure.percentiles import TimedValue
from loadtests.measure.records import Records, ResourceSample, end_at_kill, seconds_away
from loadtests.profiles import DRAIN_SECONDS, Profile
from loadtests.verdict.ledger import CALL_OUTCOMES

FAULT_PHASE_SECONDS = 15.0
"""Length of the phase after each kill of a process or cut of all connections.

In this phase presses may be refused, and screens reconnect."""


@dataclass
class Run:
    """One run of a load test.

    begin: when the first press is due, in seconds of time.monotonic().
    faults: (time, what was killed or cut) of each kill of a process and each cut of all connections.
    samples: maps the name of each process to the samples of its CPU and memory.
    """

    profile: Profile
    host: str
    begin: float
    records: Records = field(default_factory=Records)
    faults: list[tuple[float, str]] = field(default_factory=list)
    samples: dict[str, list[ResourceSample]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.profile.cut_at is not None:
            self.faults = [(self.begin + self.profile.cut_at, "all screens")]

    @property
    def disturbed(self) -> bool:
        """True if the profile kills processes or cuts connections."""
        return bool(self.profile.faults) or self.profile.cut_at is not None

    @property
    def kills(self) -> list[float]:
        """When replicas were killed, in seconds of time.monotonic().

        A kill also ends the connections of the replica.
        """
        return [at for at, target in self.faults if target == "ws"]

    @property
    def end(self) -> float:
        """When the presses end, in seconds of time.monotonic()."""
        return self.begin + self.profile.seconds

    def in_fault_phase(self, at: float) -> bool:
        """Return whether a time is in the phase after a kill or a cut of all connections, in which presses may be
        refused.
        """
        return any(fault <= at < fault + FAULT_PHASE_SECONDS for fault, _ in self.faults)

    def lags(self) -> list[float]:
        """Return the delay in seconds of each wake-up of the load generator.

        The list covers the time from the first press to the end of the last number. Later wake-ups do not matter,
        because the generator then only writes its records.
        """
        over = self.end + DRAIN_SECONDS
        return [woke - due for due, woke in self.records.lags if self.begin <= due < over]

    def seconds_away(self) -> list[float]:
        """Return for how many seconds screens were away, with one value for each lost connection."""
        return list(seconds_away(end_at_kill(each, self.kills) for each in self.records.connections))

    def refused(self) -> dict[str, int]:
        """Count the refused presses by HTTP status.

        Presses may be refused in the phase after a kill or a cut of all connections. A press is left out if it was due,
        or was answered, in such a phase.
        """
        presses = [
            press
            for press in self.records.presses
            if not self.in_fault_phase(press.intended) and not self.in_fault_phase(press.answered)
        ]
        counted = Counter(press.status for press in presses if press.status != 204)
        return {str(status or "no answer"): count for status, count in sorted(counted.items())}

    def owed_if_never_away(self) -> int:
        """Return how many numbers would have been owed if all screens had been connected all the time.

        Each call counts once for each screen of its store.
        """
        screens = Counter(store for store, _ in {(each.store, each.screen) for each in self.records.connections})
        return sum(screens[press.store] for press in self.records.presses if press.outcome in CALL_OUTCOMES)

    def press_latencies(self) -> list[TimedValue]:
        """Return how long each press took.

        Each item is a pair: when the press was due, and the seconds from this moment to the answer. Presses without an
        answer are left out.
        """
        return [(press.intended, press.answered - press.intended) for press in self.records.presses if press.status]

    def connect_latencies(self) -> list[TimedValue]:
        """Return, for each connection, how long the screen waited for its first paint.

        Each item is a pair: when the screen began to connect, and the seconds from this moment to the first paint.
        Connections without a paint are left out.
        """
        return [
            (each.requested, each.paints[0][0] - each.requested) for each in self.records.connections if each.paints
        ]

    def screens(self) -> int:
        """Return how many screens were connected and painted at least once."""
        return len({each.screen for each in self.records.connections if each.paints})
