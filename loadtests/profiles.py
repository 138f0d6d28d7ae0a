"""The profiles: how many stores, screens and presses, for how long, and what is done to them meanwhile."""

from dataclasses import dataclass

HOLD_SECONDS = 3.0
"""Of the stores that are pressed in."""
CONNECTS_PER_SECOND = 200
"""Screens that are opened each second; a real chain's are there already when the day begins."""
SETTLE_SECONDS = 5.0
"""After the last screen is opened, before the first press."""
DRAIN_SECONDS = 20.0
"""After the last press: as long as the fullest queue takes to be shown, and its last end to be missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """per_second: presses, over all stores. seconds: of pressing. cut_at: when all screens lose their connection.

    faults: (seconds after the first press, what is killed: "ws", "web" or "redis"), for a local topology.
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
        return self.stores * self.screens_per_store

    @property
    def ramp_seconds(self) -> float:
        """Until the first press."""
        return self.screens / CONNECTS_PER_SECOND + SETTLE_SECONDS

    @property
    def run_seconds(self) -> float:
        """From the first screen that is opened to the end of the last call."""
        return self.ramp_seconds + self.seconds + DRAIN_SECONDS

    def slugs(self) -> list[str]:
        """Of its stores; a single store is the one that every installation has."""
        return ["default"] if self.stores == 1 else [f"load-{number}" for number in range(1, self.stores + 1)]


TILL_USERS = 4
"""Locust's users that press; more than one, so that every process has some."""
FAULTS = ("ws", "web", "redis")


def every(seconds: float, until: float) -> tuple[tuple[float, str], ...]:
    """One fault after another, in turn."""
    count = int((until - seconds / 2) // seconds) + 1
    return tuple((seconds / 2 + number * seconds, FAULTS[number % len(FAULTS)]) for number in range(count))


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="smoke", stores=1, screens_per_store=50, per_second=0.5, seconds=20),
        # More than one call in 3 s, so that they wait for each other.
        Profile(name="store", stores=1, screens_per_store=1000, per_second=0.5, seconds=120),
        Profile(name="chain", stores=500, screens_per_store=10, per_second=50, seconds=300),
        Profile(name="storm", stores=500, screens_per_store=10, per_second=50, seconds=60, cut_at=20),
        Profile(
            name="faults", stores=500, screens_per_store=10, per_second=50, seconds=300, faults=every(30, until=300)
        ),
        Profile(name="soak", stores=100, screens_per_store=10, per_second=10, seconds=4 * 3600),
    )
}
