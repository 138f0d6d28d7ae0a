"""The benchmark's samples: measured values, one at a time, and what they amount to together."""

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
    "presses": "/s",
    "press p99 at half rate": "ms",
    "client busy, presses": "%",
}
"""Each measure and its unit, in the order of the table."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a value was measured on.

    growing: "stores" or "replicas" if several settings of one system differ only in that number; "" if systems are
    compared.
    """

    system: str
    stores: int
    screens: int
    replicas: int
    growing: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one measure, in the measure's unit."""

    measure: str
    setting: Setting
    value: float


@dataclass(frozen=True, slots=True)
class Summary:
    """Median, smallest and largest value of a measure in one setting, and how many values there are."""

    median: float
    low: float
    high: float
    count: int


Results = dict[tuple[str, Setting], Summary]
"""(measure, setting) -> summary of its values."""


def summarize(samples: Iterable[Sample]) -> Results:
    """Summarize all values of each measure in each setting."""
    values: dict[tuple[str, Setting], list[float]] = {}
    for sample in samples:
        values.setdefault((sample.measure, sample.setting), []).append(sample.value)
    return {key: Summary(median(each), min(each), max(each), len(each)) for key, each in values.items()}


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return what one more of x adds to y, and y at x = 0 (least squares).

    Raises StatisticsError if there are fewer than two different x.
    """
    line = linear_regression([x for x, _ in points], [y for _, y in points])
    return line.slope, line.intercept
