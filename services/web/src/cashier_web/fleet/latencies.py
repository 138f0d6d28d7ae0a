"""Counts times in buckets, so that the counts of many days can be added up and still give percentiles.

Each bucket is 5 % longer than the one before, so a percentile is at most 5 % too large.
"""

from collections.abc import Mapping
from math import ceil, floor, log

GROWTH = 1.05


def bucket_of(milliseconds: int) -> int:
    """Return the number of the bucket that contains a time."""
    return floor(log(max(milliseconds, 1)) / log(GROWTH))


def percentile_ms(buckets: Mapping[int, int], percent: float) -> int | None:
    """Return the time below which this share of the times is, rounded up to the end of a bucket; None without times."""
    rank = ceil(sum(buckets.values()) * percent / 100)
    passed = 0
    for bucket in sorted(buckets):
        passed += buckets[bucket]
        if passed >= rank:
            return ceil(GROWTH ** (bucket + 1)) - 1  # the largest whole number in the bucket
    return None
