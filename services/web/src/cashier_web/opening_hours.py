"""Parses the opening hours of stores, which people write like "Mo-Sa 08:00-20:00; Su 10:00-16:00".

The library opening_hours computes when such hours begin and end, also when the clocks change in spring and autumn. Its
language, the opening hours of OpenStreetMap, can express much more. This module accepts only what a store needs, so
that each mistake gets a clear message, and every text has only one meaning.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from opening_hours import OpeningHours, State

HOURS_EXAMPLE = "Mo-Fr 08:00-12:30,14:00-20:00; Sa 09:00-18:00; Su closed"
DAYS_EXAMPLE = "2026-12-24 08:00-14:00; 2026-12-25 to 2026-12-26 closed"
ALWAYS = "24/7"
WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
# OpenStreetMap's language knows these names of months in English only.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
YEARS = range(2000, 2101)
_DAY = "|".join(WEEKDAYS)
_TIMES = r"(?P<times>closed|\d{1,2}:\d\d\s*-\s*\d{1,2}:\d\d(?:\s*,\s*\d{1,2}:\d\d\s*-\s*\d{1,2}:\d\d)*)"
WEEKLY_RULE = re.compile(
    rf"(?P<days>(?:{_DAY})(?:\s*-\s*(?:{_DAY}))?(?:\s*,\s*(?:{_DAY})(?:\s*-\s*(?:{_DAY}))?)*)\s+{_TIMES}", re.IGNORECASE
)
SPECIAL_RULE = re.compile(rf"(?P<first>\d{{4}}-\d\d-\d\d)(?:\s+to\s+(?P<last>\d{{4}}-\d\d-\d\d))?\s+{_TIMES}")
CLOSED = "closed"
DAY = timedelta(days=1)


class SpecialDays(NamedTuple):
    """Days on which a store has other hours than usual. times: "closed", or times like "08:00-14:00,15:00-18:00"."""

    first: date
    last: date
    times: str


def tidy_hours(text: str) -> str:
    """Return weekly opening hours in their usual form: "mo-sa 8:00-20:00" becomes "Mo-Sa 08:00-20:00".

    The empty text means that the store has no opening hours. Raises ValidationError, with the reason.
    """
    if text.strip() in {"", ALWAYS}:
        return text.strip()
    rules, seen = [], set()
    for part in _parts(text):
        rule = WEEKLY_RULE.fullmatch(part)
        if rule is None:
            raise _not_understood(part, HOURS_EXAMPLE)
        days = re.sub(r"\s", "", rule["days"]).title()
        for day in _weekdays(days):
            if day in seen:
                raise ValidationError(
                    _("%(day)s occurs twice. Write all times of a day together: “%(day)s 08:00-12:00,14:00-18:00”.")
                    % {"day": day}
                )
            seen.add(day)
        rules.append(f"{days} {_tidy_times(rule['times'], part)}")
    return "; ".join(rules)


def tidy_special_days(text: str) -> str:
    """Return special days in their usual form, in the order of their dates. Raises ValidationError, with the reason."""
    return "; ".join(
        f"{each.first}{f' to {each.last}' if each.last > each.first else ''} {each.times}"
        for each in parse_special_days(text)
    )


def parse_special_days(text: str) -> list[SpecialDays]:
    """Return the special days in the order of their dates. Raises ValidationError, with the reason."""
    found = []
    for part in _parts(text):
        rule = SPECIAL_RULE.fullmatch(part)
        if rule is None:
            raise _not_understood(part, DAYS_EXAMPLE)
        first = _date(rule["first"])
        last = _date(rule["last"]) if rule["last"] else first
        if last < first:
            raise ValidationError(_("“%(text)s” ends before it begins.") % {"text": part})
        found.append(SpecialDays(first, last, _tidy_times(rule["times"], part)))
    found.sort()
    for before, after in pairwise(found):
        if after.first <= before.last:
            raise ValidationError(_("The date %(date)s occurs twice.") % {"date": after.first})
    return found


class Schedule:
    """Knows when a store is within its opening hours.

    hours, special_days: texts as `tidy_hours` and `tidy_special_days` return them. All times must have a time zone.
    """

    def __init__(self, hours: str, special_days: str, zone: ZoneInfo) -> None:
        rules = [hours, *(f"{_osm_dates(each)} {each.times}" for each in parse_special_days(special_days))]
        # The library understands only times whose time zone is a ZoneInfo.
        self._zone, self._hours = zone, OpeningHours("; ".join(rules), timezone=zone)

    def is_open(self, now: datetime) -> bool:
        """Return whether this time is within the hours."""
        return self._hours.is_open(now.astimezone(self._zone))

    def next_change(self, now: datetime) -> datetime | None:
        """Return the next time after `now` at which the hours begin or end; None if they never change."""
        return self._hours.next_change(now.astimezone(self._zone))

    def open_times(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the times between `begin` and `end` that are within the hours, in the time zone of the store."""
        for opens_at, closes_at, state, _comment in self._hours.intervals(
            begin.astimezone(self._zone), end.astimezone(self._zone)
        ):
            if state == State.OPEN:
                yield opens_at, closes_at


@lru_cache(maxsize=4096)
def schedule_of(hours: str, special_days: str, time_zone: str) -> Schedule | None:
    """Return the schedule of a store; None if the store has no opening hours. The parameters are as in Schedule."""
    return Schedule(hours, special_days, ZoneInfo(time_zone)) if hours else None


def opens_at_all(schedule: Schedule, now: datetime) -> bool:
    """Return whether these hours contain any time from now on."""
    return schedule.is_open(now) or schedule.next_change(now) is not None


def _parts(text: str) -> Iterator[str]:
    """Yield the rules of a text. Word processors replace hyphens by dashes, so dashes are accepted, too."""
    for part in re.sub("[–—]", "-", text).replace("\n", ";").split(";"):
        if part.strip():
            yield part.strip()


def _weekdays(days: str) -> Iterator[str]:
    """Yield each weekday of a text like "Mo-We,Su"."""
    for item in days.split(","):
        first, _dash, last = item.partition("-")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        for index in range(begin, begin + (end - begin) % 7 + 1):
            yield WEEKDAYS[index % 7]


def _tidy_times(times: str, part: str) -> str:
    if times.lower() == CLOSED:
        return CLOSED
    tidy = []
    latest = 0
    for item in re.sub(r"\s", "", times).split(","):
        begin, end = (_minutes(each, part) for each in item.split("-"))
        # The last hours of a day may end on the next day, for example 18:00-02:00.
        if begin == end or begin < latest or latest > 24 * 60 or begin == 24 * 60:
            raise ValidationError(_("The times in “%(text)s” overlap, or are not in their order.") % {"text": part})
        latest = end if end > begin else end + 24 * 60
        tidy.append(f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}")
    return ",".join(tidy)


def _minutes(time: str, part: str) -> int:
    """Return the minutes since midnight of a time like "8:30". 24:00 is the end of the day."""
    hour, minute = map(int, time.split(":"))
    if minute > 59 or hour * 60 + minute > 24 * 60:
        raise ValidationError(_("There is no time %(time)s, in “%(text)s”.") % {"time": time, "text": part})
    return hour * 60 + minute


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if found.year not in YEARS:
        raise ValidationError(_("There is no date %(date)s.") % {"date": text})
    return found


def _osm_dates(days: SpecialDays) -> str:
    """Return dates in OpenStreetMap's language, for example "2026 Dec 25-2027 Jan 02"."""
    first, last = (f"{day.year} {MONTHS[day.month - 1]} {day.day:02}" for day in (days.first, days.last))
    return first if first == last else f"{first}-{last}"


def _not_understood(part: str, example: str) -> ValidationError:
    return ValidationError(
        _("“%(text)s” cannot be understood. Write for example “%(example)s”.") % {"text": part, "example": example}
    )
