"""The samples: what was measured, one value at a time, and what they say together."""

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
    """What was measured on.

    growing: "stores" or "replicas" where just that becomes more, of one system; "" where systems are compared.
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
class Told:
    """Median, smallest and largest of a measure's values in one setting."""

    median: float
    low: float
    high: float
    count: int


def tell(samples: Iterable[Sample]) -> dict[tuple[str, Setting], Told]:
    """What all values of a measure in a setting say."""
    values: dict[tuple[str, Setting], list[float]] = {}
    for each in samples:
        values.setdefault((each.measure, each.setting), []).append(each.value)
    return {key: Told(median(each), min(each), max(each), len(each)) for key, each in values.items()}


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """What one more of x adds to y, and y without any: least squares. Raises StatisticsError for less than two x."""
    line = linear_regression([x for x, _ in points], [y for _, y in points])
    return line.slope, line.intercept
