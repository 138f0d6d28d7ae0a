"""Divides the outages of a screen into days, for the strip on its page."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import ceil

from cashier_web.models import Outage, Severity

DAYS = 30
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """A day in the time zone of a store.

    outage: how long the screen could show no calls on this day. is_known: whether the screen was paired already.
    """

    date: date
    outage: timedelta
    is_known: bool

    @property
    def minutes(self) -> int:
        return ceil(self.outage.total_seconds() / 60)

    @property
    def severity(self) -> Severity:
        if self.outage:
            return Severity.BAD
        return Severity.GOOD if self.is_known else Severity.NONE


def days_of(outages: Iterable[Outage], now: datetime, zone: tzinfo, paired_at: datetime) -> list[Day]:
    """Return the last days, the oldest first. The last one is today, until now.

    paired_at: when the screen was paired or moved.
    """
    today, paired_on = now.astimezone(zone).date(), paired_at.astimezone(zone).date()
    first = today - (DAYS - 1) * DAY
    of_days: defaultdict[date, timedelta] = defaultdict(timedelta)
    for outage in outages:
        ends_at = outage.ends_at or now
        day = max(outage.begins_at.astimezone(zone).date(), first)
        while day <= min(ends_at.astimezone(zone).date(), today):
            # Only in UTC, the difference of two times is right on a day with 23 or 25 hours.
            begin, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + DAY))
            # Two outages of a screen never overlap, so their parts can be added up.
            of_days[day] += max(min(ends_at, end) - max(outage.begins_at, begin), timedelta())
            day += DAY
    days = [first + number * DAY for number in range(DAYS)]
    return [Day(day, of_days[day], day >= paired_on) for day in days]
