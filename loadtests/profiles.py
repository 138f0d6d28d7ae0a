"""The profiles of `make load`: how many stores, screens and presses, for how long, and which faults are injected."""

from dataclasses import dataclass
from itertools import cycle

HOLD_SECONDS = 3.0
"""How long the stores of a run show each number."""
CONNECTS_PER_SECOND = 200
"""Screens that are opened each second before the first press. In a real chain they are connected all day."""
SETTLE_SECONDS = 5.0
"""Time between the last screen that is opened and the first press."""
DRAIN_SECONDS = 20.0
"""Time after the last press: long enough to show a full queue and to notice that the last number was not removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One profile. Its times are seconds after the first press.

    per_second: presses per second, over all stores. seconds: for how long buttons are pressed. cut_at: when all screens
    lose their connection. faults: pairs of a time and the service that is killed then ("ws", "web" or "redis"). A
    profile with faults needs a local topology.
    """

    name: str
    stores: int
    screens_per_store: int
    per_second: float
    seconds: float
    cut_at: float | None = None
    faults: tuple[tuple[float, str], ...] = ()

    @property
    def screens(self) -> int:
        """All screens of all stores."""
        return self.stores * self.screens_per_store

    @property
    def presses(self) -> int:
        """All presses of the run."""
        return int(self.per_second * self.seconds)

    @property
    def ramp_seconds(self) -> float:
        """Seconds from the first screen that is opened to the first press."""
        return self.screens / CONNECTS_PER_SECOND + SETTLE_SECONDS

    @property
    def run_seconds(self) -> float:
        """Seconds from the first screen that is opened to the end of the last call."""
        return self.ramp_seconds + self.seconds + DRAIN_SECONDS

    @property
    def description(self) -> str:
        """The profile in one sentence, without a full stop."""
        return (
            f"{self.screens} screens in {self.stores} store{'s' if self.stores > 1 else ''}, "
            f"{self.per_second:g} presses per second for {self.seconds:.0f} s"
        )

    def slugs(self) -> list[str]:
        """Slugs of the stores. A single store is the default store, which every installation has."""
        return ["default"] if self.stores == 1 else [f"load-{number}" for number in range(1, self.stores + 1)]


TILL_USERS = 4
"""Locust users that press. There are several so that each process of Locust has some."""
FAULT_TARGETS = ("ws", "web", "redis")


def faults_every(seconds: float, until: float) -> tuple[tuple[float, str], ...]:
    """Return one fault every so many seconds, on each target in turn, for `Profile.faults`."""
    count = int((until - seconds / 2) // seconds) + 1
    targets = cycle(FAULT_TARGETS)
    return tuple((seconds / 2 + number * seconds, next(targets)) for number in range(count))


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="smoke", stores=1, screens_per_store=50, per_second=0.5, seconds=20),
        # More than one call in 3 s, so that calls are queued.
        Profile(name="store", stores=1, screens_per_store=1000, per_second=0.5, seconds=120),
        Profile(name="chain", stores=500, screens_per_store=10, per_second=50, seconds=300),
        Profile(name="storm", stores=500, screens_per_store=10, per_second=50, seconds=60, cut_at=20),
        Profile(
            name="faults",
            stores=500,
            screens_per_store=10,
            per_second=50,
            seconds=300,
            faults=faults_every(30, until=300),
        ),
        Profile(name="soak", stores=100, screens_per_store=10, per_second=10, seconds=4 * 3600),
    )
}
