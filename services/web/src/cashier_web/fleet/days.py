"""Divides the outages of a screen into days, for the strip on its page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from cashier_web.models import Outage

DAYS = 30
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """A day in the time zone of a store. outage: how long the screen could show no calls on this day."""

    date: date
    outage: timedelta

    @property
    def minutes(self) -> int:
        return round(self.outage.total_seconds() / 60)


def days_of(outages: Iterable[Outage], now: datetime, zone: tzinfo) -> list[Day]:
    """Return the last days, the oldest first. The last one is today, until now."""
    today = now.astimezone(zone).date()
    days, known = [], list(outages)
    for ago in reversed(range(DAYS)):
        day = today - ago * DAY
        begin, end = (datetime.combine(each, time(), zone) for each in (day, day + DAY))
        # Two outages of a screen never overlap, so their parts can be added up.
        parts = [min(each.ends_at or now, end) - max(each.begins_at, begin) for each in known]
        days.append(Day(day, sum((each for each in parts if each > timedelta()), timedelta())))
    return days
