"""The profiles of `make load`.

A profile says how many stores, screens and presses a run has, how long the run lasts, which processes are killed, and
when all connections are cut.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import cycle
from typing import Any

HOLD_SECONDS = 3.0
"""How long each number is shown in the stores of a run."""
CONNECTS_PER_SECOND = 200
"""How many screens are opened in each second before the first press.

In a real chain the screens are connected all day, so they connect before anything is measured."""
SETTLE_SECONDS = 5.0
"""Time between the opening of the last screen and the first press."""
DRAIN_SECONDS = 20.0
"""How long a run continues after its last press.

This is long enough to show the calls that are still queued, and to notice if the last number is not removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One profile. All times are in seconds after the first press.

    per_second: presses per second in all stores together.
    seconds: for how long buttons are pressed.
    cut_at: when all screens lose their connection; None if they keep their connections.
    faults: (time, what is killed: "ws", "press" or "redis") of each kill. A profile with kills needs a local topology.
    flooded: the paths that a stranger requests without pause, one after another, in the second half of the run.
    burst: how many presses one store gets directly after one another. If there are several, all but the first are
    queued, and in every second burst the last call is cancelled.
    proven: whether the proofs of all calls are compared with the records of the load generator. The screens of such a
    run are paired, and the run takes a minute longer.
    chaos: whether the random faults of a seed are injected. Such a profile needs a topology of its own, which is local,
    or consists of containers.
    """

    name: str
    stores: int
    screens_per_store: int
    per_second: float
    seconds: float
    cut_at: float | None = None
    faults: tuple[tuple[float, str], ...] = ()
    flooded: tuple[str, ...] = ()
    burst: int = 1
    proven: bool = False
    chaos: bool = False

    @property
    def screens(self) -> int:
        """The number of screens in all stores together."""
        return self.stores * self.screens_per_store

    @property
    def presses(self) -> int:
        """The number of presses in the whole run."""
        return int(self.per_second * self.seconds)

    @property
    def ramp_seconds(self) -> float:
        """Seconds from the opening of the first screen to the first press."""
        return self.screens / CONNECTS_PER_SECOND + SETTLE_SECONDS

    @property
    def run_seconds(self) -> float:
        """The length of the whole run in seconds, from the opening of the first screen."""
        return self.ramp_seconds + self.seconds + DRAIN_SECONDS

    @property
    def flood_at(self) -> float:
        """When the flood begins: in the middle of the presses."""
        return self.seconds / 2

    @property
    def flood_seconds(self) -> float:
        """For how long the flood requests each of its paths."""
        return (self.seconds - self.flood_at) / len(self.flooded)

    @property
    def last_fault_at(self) -> float:
        """The time after which no fault of the profile `chaos` begins.

        The faults end before the presses end, so that the run shows that everything works again.
        """
        return self.seconds - CALM_END_SECONDS if self.chaos else 0.0

    @property
    def description(self) -> str:
        """A description of the profile in words, without a full stop at the end."""
        return (
            f"{self.screens} screens in {self.stores} store{'s' if self.stores > 1 else ''}, "
            f"{self.per_second:g} presses per second for {self.seconds:.0f} s"
        )

    def slugs(self) -> list[str]:
        """Return the slugs of the stores.

        A profile with one store uses the store `default`, because every installation has this store.
        """
        return ["default"] if self.stores == 1 else [f"load-{number}" for number in range(1, self.stores + 1)]


CALM_END_SECONDS = 20.0
"""No fault of the profile `chaos` begins in this many seconds before the end of the presses."""
FLOODED = ("/sign_in", "/", "/admin/login/", "/api/v1/openapi.json", "/pair")
FAULT_TARGETS = ("ws", "press", "redis")


SCREEN_SECRETS = "cq_load{:039}"
"""The value of the cookie of a screen, with the number of the screen.

Only topologies that the load test itself starts know such screens, and only in a run with proofs. Other systems ignore
the cookie.
"""


def device_token(store: str) -> str:
    """Return the token of the device that cancels calls of this store.

    Only topologies that the load test itself starts have such devices.
    """
    return f"cq_load_{store}"


def faults_every(seconds: float, until: float) -> tuple[tuple[float, str], ...]:
    """Return the times of kills for `Profile.faults`: (time, what is killed) of each kill.

    The time of the presses is divided into periods, and there is one kill in the middle of each period. A ws replica, a
    worker process of press and Redis are killed in turn. seconds: the length of a period. until: when the presses end.
    """
    count = int((until - seconds / 2) // seconds) + 1
    targets = cycle(FAULT_TARGETS)
    return tuple((seconds / 2 + number * seconds, next(targets)) for number in range(count))


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="smoke", stores=1, screens_per_store=50, per_second=0.5, seconds=20),
        # In the profile `store`, on average more than one press is made during a hold of 3 s. Therefore calls are
        # queued.
        Profile(name="store", stores=1, screens_per_store=1000, per_second=0.5, seconds=120),
        Profile(name="chain", stores=500, screens_per_store=10, per_second=50, seconds=300, proven=True),
        Profile(name="storm", stores=500, screens_per_store=10, per_second=50, seconds=60, cut_at=20),
        Profile(
            name="faults",
            stores=500,
            screens_per_store=10,
            per_second=50,
            seconds=300,
            faults=faults_every(30, until=300),
            proven=True,
        ),
        # In the first half of the profile `flood` nobody disturbs the system, so that both halves can be compared.
        Profile(
            name="flood",
            stores=100,
            screens_per_store=5,
            per_second=10,
            seconds=200,
            flooded=FLOODED,
        ),
        # Two cores are enough for this load and for the load generator, even while screens come back after a fault.
        Profile(name="chaos", stores=500, screens_per_store=4, per_second=20, seconds=180, burst=3, chaos=True),
        # A short run of the profile `chaos`, which shows that it works.
        Profile(name="chaos-short", stores=10, screens_per_store=4, per_second=1.5, seconds=40, burst=3, chaos=True),
        Profile(name="soak", stores=100, screens_per_store=10, per_second=10, seconds=4 * 3600),
    )
}


def profile_from(fields: dict[str, Any]) -> Profile:
    """Return the profile whose fields went through JSON or msgpack. Both turn tuples into lists."""
    faults = tuple((at, target) for at, target in fields["faults"])
    return Profile(**{**fields, "faults": faults, "flooded": tuple(fields["flooded"])})


def environment_of(profile: Profile) -> dict[str, str]:
    """Return the environment variables that tell a process of Locust the profile."""
    return {"PROFILE": profile.name, "PROFILE_FIELDS": json.dumps(asdict(profile))}


def profile_of(environment: Mapping[str, str]) -> Profile:
    """Return the profile from environment variables: all its fields, or only the name of one of PROFILES."""
    if fields := environment.get("PROFILE_FIELDS"):
        return profile_from(json.loads(fields))
    return PROFILES[environment.get("PROFILE", "smoke")]
