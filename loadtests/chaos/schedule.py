"""Computes the schedule of faults from a seed. The same seed always gives the same schedule."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random

from loadtests.chaos.kinds import Kind

CALM_SECONDS = 5.0
"""Seconds from the first press to the first fault."""
SHORTEST_GAP, LONGEST_GAP = 5.0, 15.0
"""The shortest and the longest time between the begins of two faults, in seconds."""
TOGETHER_SHARE = 0.25
"""The share of the faults that begin at the same time as the fault before."""


@dataclass(frozen=True, slots=True)
class ScheduledFault:
    """One fault of a schedule.

    number: counts the faults of the schedule from 1. at: when the fault begins, in seconds after the first press.
    seconds: how long the fault lasts; 0 if it only lasts until the target answers again.
    """

    number: int
    at: float
    seconds: float
    kind: str
    target: str

    def __str__(self) -> str:
        duration = f", for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.number:3}  at {self.at:5.1f} s  {self.kind} {self.target}{duration}"


def schedule(seed: int, until: float, kinds: Mapping[str, Kind]) -> list[ScheduledFault]:
    """Return the schedule of a seed for a topology with these kinds of faults.

    until: no fault begins later than this, in seconds after the first press. If the value is larger, the schedule gets
    more faults at its end, and its other faults stay the same.
    """
    random, faults = Random(seed), list[ScheduledFault]()
    possible = [(name, target) for name, kind in kinds.items() for target in kind.targets]
    remaining, at = list[tuple[str, str]](), CALM_SECONDS
    while at <= until:
        # Every combination of a kind and a target occurs once. Only then does a combination occur for the second time.
        if not remaining:
            remaining = random.sample(possible, len(possible))
        name, target = remaining.pop()
        seconds = round(random.uniform(*kinds[name].seconds), 1)
        faults.append(ScheduledFault(len(faults) + 1, round(at, 1), seconds, name, target))
        if random.random() >= TOGETHER_SHARE:
            at += random.uniform(SHORTEST_GAP, LONGEST_GAP)
    return faults


def only(faults: list[ScheduledFault], numbers: Collection[int]) -> list[ScheduledFault]:
    """Return the faults of a schedule that have these numbers; all faults if `numbers` is empty.

    The times of the faults stay the same. Raises ValueError if there is no fault with one of the numbers.
    """
    if unknown := set(numbers) - {fault.number for fault in faults}:
        raise ValueError(f"the schedule has no fault {', '.join(map(str, sorted(unknown)))}")
    return [fault for fault in faults if fault.number in numbers or not numbers]
