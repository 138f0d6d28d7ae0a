"""The ratio of each measure of two revisions, with a confidence interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.stats import t

CONFIDENCE = 0.95
"""The probability that the intervals of all measures together contain the true ratios.

With several measures, each interval is therefore wider (Bonferroni's correction): otherwise nine measures would raise a
false alarm in every fifth comparison of a revision with itself."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as large a measure is with the new revision as with the base revision.

    base, new: the mean of the values. low, high: the limits of the confidence interval of the ratio.
    """

    base: float
    new: float
    ratio: float
    low: float
    high: float

    @property
    def word(self) -> str:
        """A word for people. In all measures, less is better."""
        return "WORSE" if self.low > 1 else "better" if self.high < 1 else "no difference"


def ratio(base: Sequence[float], new: Sequence[float], measures: int) -> Ratio:
    """Return the ratio of one measure.

    base, new: the values of both revisions. Values with the same index come from the same block. There are at least two
    blocks. measures: how many measures are compared.

    The interval is Student's interval for the mean of the logarithms of the ratios. The logarithm makes "twice as much"
    and "half as much" equally far from "the same".
    """
    logarithms = [math.log(after / before) for before, after in zip(base, new, strict=True)]
    blocks = len(logarithms)
    quantile = float(t.ppf(1 - (1 - CONFIDENCE) / 2 / measures, blocks - 1))
    middle, reach = fmean(logarithms), quantile * stdev(logarithms) / math.sqrt(blocks)
    return Ratio(fmean(base), fmean(new), math.exp(middle), math.exp(middle - reach), math.exp(middle + reach))
