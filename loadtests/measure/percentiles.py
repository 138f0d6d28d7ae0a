"""Computes exact percentiles of measured values, for a whole run and for each of its phases."""

import math
from collections.abc import Iterable, Mapping, Sequence

PERCENTILES = (50.0, 95.0, 99.0, 99.9)
TimedValue = tuple[float, float]
"""A duration, and the time to which it belongs: (time in seconds of time.monotonic(), duration in seconds)."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the percentile of these values by the nearest-rank method.

    At least `percent` percent of the values are less than or equal to the result. The result is the smallest value for
    which this is true. ordered: at least one value, in ascending order.
    """
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def summary(values: Iterable[float]) -> dict[str, float]:
    """Return the number of values, their percentiles and their maximum, in milliseconds.

    values: durations in seconds. If there are no values, only their number is returned, which is 0.
    """
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    percentiles = {f"p{percent:g}": percentile(ordered, percent) * 1000 for percent in PERCENTILES}
    return {"count": len(ordered), **percentiles, "max": ordered[-1] * 1000}


def by_phase(timed: Iterable[TimedValue], phases: Mapping[str, tuple[float, float]]) -> dict[str, dict[str, float]]:
    """Return a summary of all values with the key "all", and a summary for each phase with the phase's name as the key.

    phases: maps the name of each phase to its begin and end, in seconds of time.monotonic(). A value belongs to the
    phase that contains its time.
    """
    timed = list(timed)
    summaries = {"all": summary(value for _, value in timed)}
    for name, (begin, end) in phases.items():
        summaries[name] = summary(value for at, value in timed if begin <= at < end)
    return summaries
