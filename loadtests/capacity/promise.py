"""The promises whose limits `make capacity` searches. A promise is kept if a run with it meets every objective."""

from collections.abc import Callable
from dataclasses import dataclass

from loadtests.profiles import Profile

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise of a certain size, such as "200 stores".

    unit: what the size counts, in words. start: the first size that is tried. profile: returns the profile of a run
    with a size.
    """

    unit: str
    start: int
    profile: Callable[[int], Profile]


def screens(size: int) -> Profile:
    return Profile(name="capacity", stores=100, screens_per_store=size, per_second=10, seconds=SECONDS)


def stores(size: int) -> Profile:
    return Profile(name="capacity", stores=size, screens_per_store=10, per_second=size / 10, seconds=SECONDS)


def calls(size: int) -> Profile:
    return Profile(name="capacity", stores=500, screens_per_store=4, per_second=size, seconds=SECONDS)


PROMISES = {
    "screens": Promise("screens in each of 100 stores, with 10 calls per second in all", 20, screens),
    "stores": Promise("stores with 10 screens and a call every 10 s in each", 200, stores),
    "calls": Promise("calls per second in 500 stores with 4 screens each", 25, calls),
}
