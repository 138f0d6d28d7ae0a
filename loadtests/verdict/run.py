"""The run: what was done and what was seen, before anything is judged."""

from collections import Counter
from dataclasses import dataclass, field

from loadtests.measure.records import Records, away, until_killed
from loadtests.profiles import DRAIN_SECONDS, Profile
from loadtests.verdict.ledger import CALLS

AFTERMATH_SECONDS = 15.0
"""A fault's phase: as long as its screens may take to come back."""


@dataclass
class Run:
    """begin: of the presses, in seconds of time.monotonic(). faults: (when, what was killed or cut).

    samples: name of a process -> (when, percent of one core, MiB resident).
    """

    profile: Profile
    host: str
    begin: float
    records: Records = field(default_factory=Records)
    faults: list[tuple[float, str]] = field(default_factory=list)
    samples: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.profile.cut_at is not None:
            self.faults = [(self.begin + self.profile.cut_at, "all screens")]

    @property
    def disturbed(self) -> bool:
        """Whether something was killed or cut on purpose."""
        return bool(self.profile.faults) or self.profile.cut_at is not None

    @property
    def kills(self) -> list[float]:
        """When a replica was killed, and with it the connections of its screens."""
        return [at for at, what in self.faults if what == "ws"]

    @property
    def end(self) -> float:
        """Of the presses."""
        return self.begin + self.profile.seconds

    def aftermath(self, at: float) -> bool:
        """Whether a moment is within a fault's phase."""
        return any(fault <= at < fault + AFTERMATH_SECONDS for fault, _ in self.faults)

    def lags(self) -> list[float]:
        """Seconds by which the generator woke up too late, from the first press to the last end; then it clears up."""
        over = self.end + DRAIN_SECONDS
        return [woke - due for due, woke in self.records.lags if self.begin <= due < over]

    def away(self) -> list[float]:
        """Seconds for which screens were away."""
        return list(away(until_killed(stay, self.kills) for stay in self.records.stays))

    def refused(self) -> dict[str, int]:
        """Presses that were not called, by status; but for those in a fault's phase, or under way as it came."""
        presses = [
            each
            for each in self.records.presses
            if not self.aftermath(each.intended) and not self.aftermath(each.answered)
        ]
        counted = Counter(press.status for press in presses if press.status != 204)
        return {str(status or "no answer"): count for status, count in sorted(counted.items())}

    def owed(self) -> int:
        """Numbers that are owed where no screen was ever away: each call, on each screen of its store."""
        screens = Counter(store for store, _ in {(stay.store, stay.screen) for stay in self.records.stays})
        return sum(screens[press.store] for press in self.records.presses if press.outcome in CALLS)

    def answered(self) -> list[tuple[float, float]]:
        """(when it was intended, seconds from there to the answer) of each press that was answered."""
        return [(each.intended, each.answered - each.intended) for each in self.records.presses if each.status]

    def connected(self) -> list[tuple[float, float]]:
        """(when, seconds from the beginning of the connection to its first paint) of each one."""
        return [(stay.asked, stay.paints[0][0] - stay.asked) for stay in self.records.stays if stay.paints]

    def screens(self) -> int:
        """How many screens have been connected and painted at all."""
        return len({stay.screen for stay in self.records.stays if stay.paints})
