"""Converts the times of another machine's clock.

Each machine has its own time.monotonic(). All records of a run must have times on one clock, which is the clock of
Locust's master process. `generators/clocks.py` compares the clocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

SILENT_SECONDS = 30.0


class Comparison(NamedTuple):
    """One comparison of two clocks.

    at: when the clocks were compared, on the worker's clock.
    difference: the time of the master minus the time of the worker, in seconds.
    uncertainty: by how many seconds the difference may be wrong at most.
    """

    at: float
    difference: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Conversion:
    """Converts the times of a worker's clock to the master's clock.

    first, last: a comparison from the begin of the run and one from its end.
    """

    first: Comparison
    last: Comparison

    @property
    def uncertainty(self) -> float:
        """By how many seconds a converted time may be wrong at most."""
        return max(self.first.uncertainty, self.last.uncertainty)

    def difference_at(self, at: float) -> float:
        """Return the time of the master minus the time of the worker at the time `at` on the worker's clock."""
        if self.last.at == self.first.at:
            return self.first.difference
        # Before the first comparison and after the last one, the difference is not extrapolated, because a small error
        # of the two comparisons would become large.
        share = min(max((at - self.first.at) / (self.last.at - self.first.at), 0.0), 1.0)
        return self.first.difference + share * (self.last.difference - self.first.difference)

    def __call__(self, at: float) -> float:
        """Return a time on the master's clock. Zero and infinity mean "never", and stay as they are."""
        return at + self.difference_at(at) if at and at != inf else at


SAME_CLOCK = Conversion(Comparison(0.0, 0.0, 0.0), Comparison(0.0, 0.0, 0.0))
UNKNOWN_CLOCK = Conversion(Comparison(0.0, 0.0, inf), Comparison(0.0, 0.0, inf))


def conversion(comparisons: Sequence[Comparison], until: float) -> Conversion:
    """Return how to convert the times of a worker.

    comparisons: in ascending order of their time. until: the end of the run on the worker's clock. If the clocks were
    not compared in the last SILENT_SECONDS before the end, the difference is unknown.

    The most certain comparisons in the first and in the last quarter are used. Clocks of two machines may drift apart
    by some milliseconds in an hour, so the difference is interpolated between these two comparisons. If the difference
    is smaller than its uncertainty, the two clocks are regarded as the same, as on one machine.
    """
    if not comparisons or comparisons[-1].at < until - SILENT_SECONDS:
        return UNKNOWN_CLOCK
    begin, quarter = comparisons[0].at, (comparisons[-1].at - comparisons[0].at) / 4
    first = most_certain([each for each in comparisons if each.at <= begin + quarter])
    last = most_certain([each for each in comparisons if each.at >= begin + 3 * quarter])
    found = Conversion(first, last)
    if all(abs(each.difference) <= each.uncertainty for each in (first, last)):
        same = Comparison(first.at, 0.0, found.uncertainty)
        return Conversion(same, same)
    return found


def most_certain(comparisons: Sequence[Comparison]) -> Comparison:
    return min(comparisons, key=lambda each: each.uncertainty)
