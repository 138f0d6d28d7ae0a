"""Opening hours are written like "Mo-Sa 08:00-20:00". Each mistake gets a clear message."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from cashier_web.opening_hours import WEEKDAYS, schedule_of, tidy_hours, tidy_special_days

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        ("", ""),
        (" 24/7 ", "24/7"),
        ("mo-sa 8:00-20:00", "Mo-Sa 08:00-20:00"),
        (
            "Mo – Fr  08:00 – 12:30, 14:00-20:00;Sa 9:00-18:00;\n Su CLOSED",
            "Mo-Fr 08:00-12:30,14:00-20:00; Sa 09:00-18:00; Su closed",
        ),
        ("Sa-Mo,We 18:00-02:00", "Sa-Mo,We 18:00-02:00"),
        ("Mo 00:00-24:00", "Mo 00:00-24:00"),
    ],
)
def test_hours_are_tidied(text, tidy) -> None:
    assert tidy_hours(text) == tidy
    assert tidy_hours(tidy) == tidy


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8-20", "“8-20” cannot be understood. Write for example “Mo-Fr 08:00-12:30,14:00-20:00; Sa"),
        ("Lu-Ve 08:00-20:00", "“Lu-Ve 08:00-20:00” cannot be understood."),
        ("Mo sunrise-sunset", "cannot be understood"),
        ("Mo-Sa 08:00-20:00 unknown", "cannot be understood"),
        ("Mo-Fr 08:00-20:00; PH off", "“PH off” cannot be understood."),
        ("Mo-Fr 08:00-12:00; Fr 14:00-18:00", "Fr occurs twice. Write all times of a day together"),
        ("Mo 08:00-25:00", "There is no time 25:00"),
        ("Mo 08:60-12:00", "There is no time 08:60"),
        ("Mo 08:00-12:00,11:00-18:00", "overlap"),
        ("Mo 14:00-18:00,08:00-12:00", "overlap, or are not in their order"),
        ("Mo 18:00-02:00,03:00-04:00", "overlap"),
        ("Mo 08:00-08:00", "overlap"),
    ],
)
def test_bad_hours_are_refused_with_the_reason(text, reason) -> None:
    with pytest.raises(ValidationError) as refused:
        tidy_hours(text)

    assert reason in refused.value.messages[0]


def test_special_days_are_tidied_and_sorted() -> None:
    text = "2026-12-31 8:00-14:00; 2026-12-25 TO 2026-12-26 Closed"

    assert tidy_special_days(text) == "2026-12-25 to 2026-12-26 closed; 2026-12-31 08:00-14:00"
    assert tidy_special_days(tidy_special_days(text)) == tidy_special_days(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("25.12.2026 closed", "“25.12.2026 closed” cannot be understood. Write for example “2026-12-24 08:00"),
        ("2026-02-30 closed", "There is no date 2026-02-30."),
        ("1826-02-03 closed", "There is no date 1826-02-03."),
        ("2026-12-26 to 2026-12-25 closed", "ends before it begins"),
        ("2026-12-24 to 2026-12-26 closed; 2026-12-25 08:00-12:00", "The date 2026-12-25 occurs twice."),
        ("2026-12-24", "cannot be understood"),
    ],
)
def test_bad_special_days_are_refused_with_the_reason(text, reason) -> None:
    with pytest.raises(ValidationError) as refused:
        tidy_special_days(text)

    assert reason in refused.value.messages[0]


def test_a_special_day_replaces_the_usual_hours_of_its_day() -> None:
    schedule = schedule_of(
        "Mo-Sa 08:00-20:00", "2026-12-24 08:00-14:00; 2026-12-25 to 2027-01-02 closed", "Europe/Paris"
    )

    assert schedule.next_change(datetime(2026, 12, 24, 9, tzinfo=PARIS)) == datetime(2026, 12, 24, 14, tzinfo=PARIS)
    assert schedule.next_change(datetime(2026, 12, 24, 14, tzinfo=PARIS)) == datetime(2027, 1, 4, 8, tzinfo=PARIS)


def test_hours_after_midnight_belong_to_the_day_before() -> None:
    schedule = schedule_of("Th 20:00-02:00", "", "Europe/Paris")

    assert schedule.is_open(datetime(2026, 12, 4, 1, 59, tzinfo=PARIS))
    assert not schedule.is_open(datetime(2026, 12, 4, 2, 0, tzinfo=PARIS))


def test_the_night_before_a_special_day_belongs_to_the_day_before_and_its_own_night_to_it() -> None:
    schedule = schedule_of("Mo-Su 18:00-02:00", "2026-12-01 closed; 2026-12-03 20:00-04:00", "Europe/Paris")

    def change(day: int, hour: int) -> datetime:
        return schedule.next_change(datetime(2026, 12, day, hour, tzinfo=PARIS) - timedelta(minutes=1))

    assert change(1, 0) == datetime(2026, 12, 1, 2, tzinfo=PARIS)
    assert change(1, 3) == datetime(2026, 12, 2, 18, tzinfo=PARIS)
    assert change(3, 3) == datetime(2026, 12, 3, 20, tzinfo=PARIS)
    assert change(4, 0) == datetime(2026, 12, 4, 4, tzinfo=PARIS)


@pytest.mark.parametrize("hours", ["24/7", "Mo-Su 00:00-24:00", "Mo-Su 00:00-12:00,12:00-24:00"])
def test_hours_that_never_end_never_change(hours) -> None:
    schedule = schedule_of(hours, "", "Europe/Paris")
    now = datetime(2026, 12, 1, 12, tzinfo=PARIS)

    assert (schedule.is_open(now), schedule.next_change(now)) == (True, None)


def test_hours_that_continue_after_midnight_are_one_time() -> None:
    schedule = schedule_of("Mo 08:00-24:00; Tu 00:00-10:00", "", "UTC")

    assert schedule.next_change(datetime(2026, 11, 30, 9, tzinfo=UTC)) == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert schedule.next_change(datetime(2026, 12, 1, 11, tzinfo=UTC)) == datetime(2026, 12, 7, 8, tzinfo=UTC)


def test_hours_that_never_begin_never_change() -> None:
    schedule = schedule_of("Mo-Su closed", "2026-12-03 08:00-10:00", "UTC")

    assert schedule.next_change(datetime(2026, 12, 1, tzinfo=UTC)) == datetime(2026, 12, 3, 8, tzinfo=UTC)
    assert schedule.next_change(datetime(2026, 12, 3, 9, tzinfo=UTC)) == datetime(2026, 12, 3, 10, tzinfo=UTC)
    assert schedule.next_change(datetime(2026, 12, 3, 10, tzinfo=UTC)) is None


def test_the_hours_of_each_day_are_known() -> None:
    schedule = schedule_of("Mo-Fr 08:00-12:30,14:00-20:00", "2026-12-01 09:00-11:00", "UTC")
    days = [date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 5)]

    assert [schedule.times_on(day) for day in days] == ["08:00-12:30,14:00-20:00", "09:00-11:00", "closed"]


@given(
    week=st.lists(
        st.sampled_from(["closed", "08:00-12:00,14:00-20:00", "18:00-02:00", "00:00-24:00", "22:00-08:00"]),
        min_size=7,
        max_size=7,
    ),
    special=st.dictionaries(st.integers(1, 12), st.sampled_from(["closed", "10:00-11:00", "20:00-04:00"])),
    begin=st.datetimes(datetime(2026, 3, 26), datetime(2026, 4, 2)),
)
def test_each_change_changes_whether_the_store_is_open_and_nothing_changes_between(week, special, begin) -> None:
    hours = "; ".join(f"{day} {times}" for day, times in zip(WEEKDAYS, week, strict=True))
    days = "; ".join(f"2026-04-{day:02} {times}" for day, times in sorted(special.items()))
    schedule = schedule_of(hours, days, "Europe/Paris")
    now = begin.replace(tzinfo=UTC)
    change = schedule.next_change(now)

    if change is None:
        change = now + timedelta(days=20)
    else:
        assert schedule.is_open(change) != schedule.is_open(now)
    steps = min(int((change - now) / timedelta(minutes=47)), 300)
    assert all(
        schedule.is_open(now + number * timedelta(minutes=47)) == schedule.is_open(now) for number in range(steps)
    )


def test_the_hours_are_those_of_the_time_zone_also_when_the_clocks_change() -> None:
    schedule = schedule_of("Mo-Su 08:00-20:00", "", "Europe/Paris")

    assert schedule.next_change(datetime(2026, 10, 24, 20, tzinfo=PARIS)).astimezone(UTC) == datetime(
        2026, 10, 25, 7, tzinfo=UTC
    )
    assert schedule.next_change(datetime(2026, 3, 28, 20, tzinfo=PARIS)).astimezone(UTC) == datetime(
        2026, 3, 29, 6, tzinfo=UTC
    )


def test_a_store_without_hours_has_no_schedule() -> None:
    assert schedule_of("", "", "UTC") is None
