"""One run of a load test: what was done to the system, and what was recorded. The verdict is computed later."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from loadtests.measure.injected_fault import Cost, InjectedFault
from loadtests.measure.percentiles import TimedValue
from loadtests.measure.records import (
    ConnectionRecord,
    Generator,
    Records,
    ResourceSample,
    absences,
    end_at_kill,
    seconds_away,
)
from loadtests.profiles import DRAIN_SECONDS, Profile
from loadtests.verdict.ledger import CALL_OUTCOMES
from loadtests.verdict.proofs import ProofBalance

FAULT_PHASE_SECONDS = 15.0
"""The length of the phase after the end of each fault, in which the screens reconnect.

In this phase presses may still be refused, if the cost of the fault permits refused presses."""
CUT = Cost(delays=True)
"""The cost of a cut of all connections. Calls may begin late while all screens come back. No press may be refused."""
SCREENS_BACK_PER_SECOND = 2000
"""After a cut, calls may begin late for as long as this many screens per second need to come back."""


@dataclass
class Run:
    """One run of a load test.

    begin: when the first press is due, in seconds of time.monotonic().
    faults: the faults that were injected. A cut of all connections is a fault, too.
    seed, schedule: the seed of the profile `chaos`, and a line of text for each fault that was to be injected.
    browsers: how many real browsers showed screens, in addition to the screens of the profile.
    proofs: the comparison of the records with the proofs of the system; None if the profile is not proven, or if the
    system was not started for this run.
    samples: maps the name of each process to the samples of its CPU and memory.
    """

    profile: Profile
    host: str
    begin: float
    records: Records = field(default_factory=Records)
    faults: list[InjectedFault] = field(default_factory=list)
    seed: int = 0
    schedule: list[str] = field(default_factory=list)
    browsers: int = 0
    proofs: ProofBalance | None = None
    samples: dict[str, list[ResourceSample]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.profile.cut_at is not None:
            at = self.begin + self.profile.cut_at
            back = at + self.profile.screens / SCREENS_BACK_PER_SECOND
            self.faults = [InjectedFault(name="all screens", begin=at, end=back, cost=CUT)]

    @property
    def disturbed(self) -> bool:
        """True if the profile injects faults or cuts connections."""
        return bool(self.profile.faults) or self.profile.chaos or self.profile.cut_at is not None

    @property
    def faults_planned(self) -> int:
        """How many faults the profile and the schedule contain."""
        return len(self.profile.faults) + (self.profile.cut_at is not None) + len(self.schedule)

    @property
    def screens_planned(self) -> int:
        """How many screens there should be: simulated screens and real browsers."""
        return self.profile.screens + self.browsers

    @property
    def load(self) -> str:
        """The load in words. Only runs with the same load can be compared."""
        browsers = f" and {self.browsers} browsers" if self.browsers else ""
        return f"{self.profile.description}{browsers}"

    @property
    def end(self) -> float:
        """When the presses end, in seconds of time.monotonic()."""
        return self.begin + self.profile.seconds

    def in_fault_phase(self, at: float) -> bool:
        """Return whether presses may be refused at the time `at` because of a fault.

        This is the case from the begin of the fault until FAULT_PHASE_SECONDS after its end.
        """
        return any(
            fault.cost.refuses_presses and fault.begin <= at < fault.end + FAULT_PHASE_SECONDS for fault in self.faults
        )

    def lags(self) -> list[float]:
        """Return the delay in seconds of each wake-up of the load generator.

        The list covers the time from the first press to the end of the last number. Later wake-ups do not matter,
        because the generator then only writes its records.
        """
        return self._lags(self.records.lags)

    def _lags(self, lags: Iterable[tuple[float, float]]) -> list[float]:
        over = self.end + DRAIN_SECONDS
        return [woke - due for due, woke in lags if self.begin <= due < over]

    def generator_lags(self) -> list[tuple[Generator, list[float]]]:
        """Return each process of the load generator with its lags, as in `lags`."""
        return [(each, self._lags(each.lags)) for each in self.records.generators]

    def seconds_away(self) -> list[float]:
        """Return for how many seconds screens were away, with one value for each lost connection."""
        return list(seconds_away(self._connections()))

    def seconds_to_come_back(self) -> list[float]:
        """Return, for each lost connection, how many seconds the screen needed to come back.

        The seconds count from the loss of the connection or, if this is later, from the end of the last fault that
        disturbs screens.
        """
        disturbances = [fault for fault in self.faults if fault.disturbs_screens]
        needed = []
        for begin, end in absences(self._connections()):
            ends = [
                max(fault.end, fault.silent_until)
                for fault in disturbances
                if begin <= fault.end and fault.begin <= end
            ]
            needed.append(max(end - max([begin, *ends]), 0.0) if end < inf else inf)
        return needed

    def _connections(self) -> list[ConnectionRecord]:
        return [end_at_kill(each, self.faults) for each in self.records.connections]

    def refused(self) -> dict[str, int]:
        """Count the refused presses by HTTP status.

        After some faults, presses may be refused for a while. A press is left out if it was due, or was answered, in
        this time.
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
