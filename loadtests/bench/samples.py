"""The values that the benchmark measures.

A sample is one measured value. A summary combines all samples of the same measure with the same Setting: the same
system and the same numbers of stores, screens and replicas.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import linear_regression, median

MEASURES = {
    "fan-out p50": "ms",
    "fan-out p99": "ms",
    "fan-out last": "ms",
    "press answered": "ms",
    "client busy, fan-out": "%",
    "connects": "/s",
    "client busy, connects": "%",
    "cut to all back": "s",
    "attempts that failed after a cut": "",
    "client busy, cut": "%",
    "replica memory per screen": "KiB",
    "Nginx memory per screen": "KiB",
    "replica memory gained by 10,000 connects": "KiB",
    "replica CPU per 1,000 repaints": "ms",
    "Nginx CPU per 1,000 repaints": "ms",
    "replica CPU, idle": "%",
    "Nginx CPU, idle": "%",
    "CPU per idle screen": "µs/s",
    "presses": "/s",
    "press p99 at half rate": "ms",
    "client busy, presses": "%",
}
"""Each measure and its unit, in the order in which the report shows them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is measured: a system with its numbers of stores, screens and replicas.

    growing: "stores" or "replicas" if a system is measured several times, each time with more stores or more replicas.
    In all other measurements it is "".
    """

    system: str
    stores: int
    screens: int
    replicas: int
    growing: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value, in the unit of its measure."""

    measure: str
    setting: Setting
    value: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of all values of one measure, for one system with fixed numbers of stores, screens and replicas.

    count: how many values there are.
    """

    median: float
    low: float
    high: float
    count: int


Results = dict[tuple[str, Setting], Summary]
"""Maps each pair (measure, Setting) to the summary of the values of this measure."""


def summarize(samples: Iterable[Sample]) -> Results:
    """Return a summary of the samples for each pair (measure, Setting)."""
    values: dict[tuple[str, Setting], list[float]] = {}
    for sample in samples:
        values.setdefault((sample.measure, sample.setting), []).append(sample.value)
    return {key: Summary(median(each), min(each), max(each), len(each)) for key, each in values.items()}


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Fit a straight line to points (x, y) by least squares. Return the slope of the line, and its y at x = 0.

    The slope is the growth of y when x grows by one. Raises StatisticsError if all points have the same x.
    """
    line = linear_regression([x for x, _ in points], [y for _, y in points])
    return line.slope, line.intercept
