"""The figures: exact percentiles of what was measured, by phase."""

import math
from collections.abc import Iterable, Mapping, Sequence

PERCENTILES = (50.0, 95.0, 99.0, 99.9)
Timed = tuple[float, float]
"""(when it was due, in seconds of time.monotonic(); the value, in seconds)."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all are not above (nearest rank). `ordered`: ascending, not empty."""
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def summary(values: Iterable[float]) -> dict[str, float]:
    """Count, percentiles and the largest, in milliseconds; only a count of 0 where there are none."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    told = {f"p{percent:g}": percentile(ordered, percent) * 1000 for percent in PERCENTILES}
    return {"count": len(ordered), **told, "max": ordered[-1] * 1000}


def by_phase(timed: Iterable[Timed], phases: Mapping[str, tuple[float, float]]) -> dict[str, dict[str, float]]:
    """A summary for all, and one for each phase, which is [from, until) of when it was due."""
    timed = list(timed)
    told = {"all": summary(value for _, value in timed)}
    for name, (start, end) in phases.items():
        told[name] = summary(value for at, value in timed if start <= at < end)
    return told
