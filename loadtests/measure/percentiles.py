"""Exact percentiles of measured values, by phase of a run."""

import math
from collections.abc import Iterable, Mapping, Sequence

PERCENTILES = (50.0, 95.0, 99.0, 99.9)
TimedValue = tuple[float, float]
"""(when the event was due, in seconds of time.monotonic(); the measured value, in seconds)."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest value that is not exceeded by so many percent of the values (nearest rank).

    ordered: the values, in ascending order and not empty.
    """
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def summary(values: Iterable[float]) -> dict[str, float]:
    """Return count, percentiles and maximum, in milliseconds; only a count of 0 if there are no values."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    percentiles = {f"p{percent:g}": percentile(ordered, percent) * 1000 for percent in PERCENTILES}
    return {"count": len(ordered), **percentiles, "max": ordered[-1] * 1000}


def by_phase(timed: Iterable[TimedValue], phases: Mapping[str, tuple[float, float]]) -> dict[str, dict[str, float]]:
    """Return a summary of all values ("all"), and one for each phase.

    A phase is (begin, end) in seconds of time.monotonic(). An event belongs to the phase in which it was due.
    """
    timed = list(timed)
    summaries = {"all": summary(value for _, value in timed)}
    for name, (begin, end) in phases.items():
        summaries[name] = summary(value for at, value in timed if begin <= at < end)
    return summaries
