"""What can grow in a search for the capacity."""

from collections.abc import Callable
from dataclasses import dataclass

from loadtests.profiles import Profile

SECONDS = 30.0
SCREENS_PER_STORE = 10


@dataclass(frozen=True, slots=True)
class Promise:
    """One search.

    unit: what grows, in words. start: the first size that is tried. profile: returns the profile of a run with a size.
    """

    unit: str
    start: int
    profile: Callable[[int], Profile]


def screens(size: int) -> Profile:
    """All screens belong to 100 stores, in which 10 calls are made per second."""
    return Profile(name="capacity", stores=100, screens_per_store=round(size / 100), per_second=10, seconds=SECONDS)


def stores(size: int) -> Profile:
    """Each store has 10 screens, and a call every 10 s."""
    return Profile(
        name="capacity", stores=size, screens_per_store=SCREENS_PER_STORE, per_second=size / 10, seconds=SECONDS
    )


def calls(size: int) -> Profile:
    """The calls are made in 500 stores with 4 screens each."""
    return Profile(name="capacity", stores=500, screens_per_store=4, per_second=size, seconds=SECONDS)


PROMISES = {
    "screens": Promise("screens in 100 stores with 10 calls per second", 2000, screens),
    "stores": Promise("stores with 10 screens and a call every 10 s", 200, stores),
    "calls": Promise("calls per second in 500 stores with 4 screens", 25, calls),
}
