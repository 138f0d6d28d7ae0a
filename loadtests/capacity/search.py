"""Chooses the sizes of a search for the capacity.

First, the size doubles until a run fails twice. Then several rounds each bisect the interval between the largest size
that passed and the smallest size that failed. Near the limit, the same size may pass once and fail once. Therefore each
round tries again, and the results of the rounds differ. This is the spread of the result.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from loadtests.capacity.trial import Trial

PRECISION = 1.1
"""A round ends when the smallest size that failed is at most this many times the largest size that passed."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The result of a search.

    found: the largest size that passed, in each round. limit: the run with the smallest size that failed.
    """

    found: list[int]
    limit: Trial

    @property
    def size(self) -> int:
        return round(median(self.found))

    @property
    def low(self) -> int:
        return min(self.found)

    @property
    def high(self) -> int:
        return max(self.found)


def search(try_size: Callable[[int], Trial], start: int, rounds: int) -> Capacity:
    """Return the capacity. try_size: makes a run with a size. Raises ValueError if no run passes."""
    failed: list[Trial] = []

    def passes(size: int) -> bool:
        trial = try_size(size)
        if not trial.passed:
            failed.append(trial)
        return trial.passed

    low, high = bracket(passes, start)
    found = [bisect(passes, low, high) for _ in range(rounds)]
    return Capacity(found, min(failed, key=lambda trial: trial.size))


def bracket(passes: Callable[[int], bool], start: int) -> tuple[int, int]:
    """Return a size that passed, and twice this size, which failed twice. Raises ValueError if no size passes."""
    size = start
    while passes(size) or passes(size):
        size *= 2
    while size > 1:
        if size // 2 >= start or passes(size // 2):
            return size // 2, size
        size //= 2
    raise ValueError("no run has passed")


def bisect(passes: Callable[[int], bool], low: int, high: int) -> int:
    """Return the largest size that passed below `high`, which has failed. low: a size that should pass.

    If `low` fails, the result is less than `low`. It is 0 if no size passes.
    """
    while not passes(low):
        low, high = low // 2, low
        if not low:
            return 0
    while high / low > PRECISION and high - low > 1:
        middle = round(math.sqrt(low * high))
        if passes(middle):
            low = middle
        else:
            high = middle
    return low
