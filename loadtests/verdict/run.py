"""One run: what was done to the system and what was seen, before anything is judged."""

from collections import Counter
from dataclasses import dataclass, field

from loadtests.measure.percentiles import TimedValue
from loadtests.measure.records import Records, ResourceSample, end_at_kill, seconds_away
from loadtests.profiles import DRAIN_SECONDS, Profile
from loadtests.verdict.ledger import CALL_OUTCOMES

FAULT_PHASE_SECONDS = 15.0
"""Length of the phase after a fault, in which presses may be refused and screens must come back."""


@dataclass
class Run:
    """One run.

    begin: when the first press is due, in seconds of time.monotonic(). faults: (when, what was killed or cut).
    samples: name of a process -> its CPU and memory.
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
        """Whether the profile kills processes or cuts connections."""
        return bool(self.profile.faults) or self.profile.cut_at is not None

    @property
    def kills(self) -> list[float]:
        """When a replica was killed, and with it the connections that it held."""
        return [at for at, target in self.faults if target == "ws"]

    @property
    def end(self) -> float:
        """When the presses end, in seconds of time.monotonic()."""
        return self.begin + self.profile.seconds

    def in_fault_phase(self, at: float) -> bool:
        """Whether a moment belongs to the phase after a fault."""
        return any(fault <= at < fault + FAULT_PHASE_SECONDS for fault, _ in self.faults)

    def lags(self) -> list[float]:
        """Seconds by which the generator woke up too late, from the first press to the end of the last number.

        Later lags do not matter: the generator then writes its records.
        """
        over = self.end + DRAIN_SECONDS
        return [woke - due for due, woke in self.records.lags if self.begin <= due < over]

    def seconds_away(self) -> list[float]:
        """Seconds for which screens were away, one value for each lost connection."""
        return list(seconds_away(end_at_kill(each, self.kills) for each in self.records.connections))

    def refused(self) -> dict[str, int]:
        """Count the presses that were refused, by HTTP status.

        Presses in the phase after a fault do not count, nor those that were under way when the fault came.
        """
        presses = [
            press
            for press in self.records.presses
            if not self.in_fault_phase(press.intended) and not self.in_fault_phase(press.answered)
        ]
        counted = Counter(press.status for press in presses if press.status != 204)
        return {str(status or "no answer"): count for status, count in sorted(counted.items())}

    def owed_if_never_away(self) -> int:
        """Numbers that are owed if no screen was ever away: each call on each screen of its store."""
        screens = Counter(store for store, _ in {(each.store, each.screen) for each in self.records.connections})
        return sum(screens[press.store] for press in self.records.presses if press.outcome in CALL_OUTCOMES)

    def press_latencies(self) -> list[TimedValue]:
        """(when the press was intended, seconds from there to the answer) of each press that was answered."""
        return [(press.intended, press.answered - press.intended) for press in self.records.presses if press.status]

    def connect_latencies(self) -> list[TimedValue]:
        """(when the connection was begun, seconds from there to the first paint) of each connection with a paint."""
        return [
            (each.requested, each.paints[0][0] - each.requested) for each in self.records.connections if each.paints
        ]

    def screens(self) -> int:
        """Count the screens that were connected and painted at least once."""
        return len({each.screen for each in self.records.connections if each.paints})
