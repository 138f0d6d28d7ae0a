"""Parses the opening hours of stores, which people write like "Mo-Sa 08:00-20:00; Su 10:00-16:00".

The notation is a small part of that of OpenStreetMap. Each mistake gets a clear message, and every text has only one
meaning. The library opening-hours-py was tried first. It knows the whole notation, but it applies the hours after
midnight of a usual day to the special day that follows.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

HOURS_EXAMPLE = "Mo-Fr 08:00-12:30,14:00-20:00; Sa 09:00-18:00; Su closed"
DAYS_EXAMPLE = "2026-12-24 08:00-14:00; 2026-12-25 to 2026-12-26 closed"
ALWAYS = "24/7"
WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
YEARS = range(2000, 2101)
_DAY = "|".join(WEEKDAYS)
_DAYS = rf"(?:{_DAY})(?:\s*-\s*(?:{_DAY}))?"
_TIMES = r"(?P<times>closed|\d{1,2}:\d\d\s*-\s*\d{1,2}:\d\d(?:\s*,\s*\d{1,2}:\d\d\s*-\s*\d{1,2}:\d\d)*)"
_FLAGS = re.IGNORECASE | re.ASCII
WEEKLY_RULE = re.compile(rf"(?P<days>{_DAYS}(?:\s*,\s*{_DAYS})*)\s+{_TIMES}", _FLAGS)
SPECIAL_RULE = re.compile(rf"(?P<first>\d{{4}}-\d\d-\d\d)(?:\s+to\s+(?P<last>\d{{4}}-\d\d-\d\d))?\s+{_TIMES}", _FLAGS)
CLOSED = "closed"
WHOLE_DAY = "00:00-24:00"
DAY_MINUTES = 24 * 60
DAY = timedelta(days=1)
TWO_WEEKS = timedelta(days=14)
"""If the hours do not change within this time after the last special day, they never change."""


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

    hours, special_days: texts as `tidy_hours` and `tidy_special_days` return them. zone: the time zone of the store.
    """

    def __init__(self, hours: str, special_days: str, zone: ZoneInfo) -> None:
        self._zone = zone
        self._special_days = parse_special_days(special_days)
        self._week = dict.fromkeys(WEEKDAYS, WHOLE_DAY if hours == ALWAYS else CLOSED)
        for rule in _parts("" if hours == ALWAYS else hours):
            days, times = rule.split(" ")
            self._week |= dict.fromkeys(_weekdays(days), times)

    def times_on(self, day: date) -> str:
        """Return the hours that begin on this day, like "08:00-12:30,14:00-20:00", or "closed"."""
        special = next((each for each in self._special_days if each.first <= day <= each.last), None)
        return special.times if special else self._week[WEEKDAYS[day.weekday()]]

    def is_open(self, now: datetime) -> bool:
        """Return whether this time is within the hours."""
        begin, _end = self._present_or_next(now)
        return begin is not None and begin <= now

    def next_change(self, now: datetime) -> datetime | None:
        """Return the next time after `now` at which the hours begin or end; None if they never change."""
        begin, end = self._present_or_next(now)
        return begin if begin and now < begin else end

    def _present_or_next(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the begin and the end of the hours that contain `now` or, if there are none, of the next hours.

        Both are None if there are no such hours. The end is None if they never end.
        """
        today = now.astimezone(self._zone).date()
        last = max([today, *(each.last for each in self._special_days)]) + TWO_WEEKS
        begin = end = None
        # The hours of yesterday may end today.
        for day in (today - DAY + timedelta(days=number) for number in count()):
            for opens_at, closes_at in self._open_times(day):
                if begin and end and opens_at > end:
                    return begin, end
                if closes_at > now:
                    # Hours that begin when others end continue them.
                    begin, end = begin or opens_at, max(end or closes_at, closes_at)
            if day > last:
                return begin, None if begin and end and end > self._midnight(last) else end
        raise AssertionError("unreachable")

    def _open_times(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield the begin and the end of all hours that begin on this day."""
        for begin, end in _minutes_of(self.times_on(day)):
            yield self._time(day, begin), self._time(day, end if end > begin else end + DAY_MINUTES)

    def _midnight(self, day: date) -> datetime:
        return self._time(day, 0)

    def _time(self, day: date, minutes: int) -> datetime:
        """Return a time of this day, or of the next day if there are more minutes than a day has.

        The result is in UTC, because Python ignores the change of the clocks when it compares two times in one zone.
        """
        days, minutes = divmod(minutes, DAY_MINUTES)
        local = datetime.combine(day + days * DAY, time(*divmod(minutes, 60)), self._zone)
        return local.astimezone(UTC)


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
        if begin in {end, DAY_MINUTES} or begin < latest or latest > DAY_MINUTES:
            raise ValidationError(_("The times in “%(text)s” overlap, or are not in their order.") % {"text": part})
        latest = end if end > begin else end + DAY_MINUTES
        tidy.append(f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}")
    return ",".join(tidy)


def _minutes_of(times: str) -> list[tuple[int, int]]:
    """Return the begin and the end of each part of tidy times, in minutes since midnight."""
    if times == CLOSED:
        return []
    parts = (part.partition("-") for part in times.split(","))
    return [(_minutes(begin, times), _minutes(end, times)) for begin, _dash, end in parts]


def _minutes(time: str, part: str) -> int:
    """Return the minutes since midnight of a time like "8:30". 24:00 is the end of the day."""
    hour, minute = map(int, time.split(":"))
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
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


def _not_understood(part: str, example: str) -> ValidationError:
    return ValidationError(
        _("“%(text)s” cannot be understood. Write for example “%(example)s”.") % {"text": part, "example": example}
    )
