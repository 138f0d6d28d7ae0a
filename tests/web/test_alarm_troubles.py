"""An alarm begins if a screen shows no calls for longer than its store allows, within the opening hours."""

from datetime import UTC, datetime, timedelta

import pytest

from cashier_web.alarms.misses import Misses
from cashier_web.alarms.troubles import (
    PastOutage,
    Subject,
    Trouble,
    WatchedScreen,
    WatchedStore,
    end_of_screen_alarm,
    end_of_store_alarm,
    trouble_of_misses,
    trouble_of_outages,
    wanted_alarms,
)
from cashier_web.models import AlarmKind, Cause, State

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
STORE = WatchedStore(None, timedelta(minutes=10))
SINCE = NOW - timedelta(hours=1)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def outage(begin: float, end: float | None = None, cause: Cause = Cause.UNKNOWN) -> PastOutage:
    """An outage that began and ended so many minutes ago."""
    return PastOutage(ago(begin), None if end is None else ago(end), cause)


def screen(key: int, state: State | None = State.OFFLINE, since: datetime = SINCE) -> WatchedScreen:
    return WatchedScreen(key, 1, state, since)


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (Cause.UNKNOWN, AlarmKind.OFFLINE),
        (Cause.LINE, AlarmKind.OFFLINE),
        (Cause.PAGE_LEFT, AlarmKind.OFFLINE),
        (Cause.HIDDEN, AlarmKind.NOT_SHOWING),
        (Cause.SILENT, AlarmKind.NOT_SHOWING),
        (Cause.SERVER, AlarmKind.SERVER),
    ],
)
def test_the_cause_of_the_outage_decides_the_kind_of_the_alarm(cause, kind) -> None:
    assert trouble_of_outages([outage(20, cause=cause)], STORE, NOW) == Trouble(kind, ago(20), True)


def test_a_short_outage_is_no_reason_for_an_alarm() -> None:
    assert not trouble_of_outages([outage(9.9)], STORE, NOW).is_due
    assert trouble_of_outages([outage(10)], STORE, NOW).is_due


def test_outages_count_together_if_the_screen_was_never_well_for_long() -> None:
    flapping = [outage(2), outage(7, 4), outage(14, 8)]

    assert trouble_of_outages(flapping, STORE, NOW) == Trouble(AlarmKind.OFFLINE, ago(14), True)
    assert not trouble_of_outages([outage(2), outage(40, 12)], STORE, NOW).is_due


def test_only_the_present_outage_counts_if_the_server_was_lost() -> None:
    outages = [outage(1, cause=Cause.SERVER), outage(9, 2)]

    assert trouble_of_outages(outages, STORE, NOW) == Trouble(AlarmKind.SERVER, ago(1), False)


def test_only_the_opening_hours_count() -> None:
    opened = STORE._replace(open_since=ago(5))

    assert trouble_of_outages([outage(600)], opened, NOW) == Trouble(AlarmKind.OFFLINE, ago(5), False)
    assert not trouble_of_outages([outage(4), outage(60, 6)], opened, NOW).is_due


def test_a_screen_that_has_missed_calls_for_long_enough_is_in_trouble() -> None:
    assert trouble_of_misses(Misses(2, ago(20), ago(1)), STORE, NOW) is None
    assert trouble_of_misses(Misses(3, ago(5), ago(1)), STORE, NOW) == Trouble(AlarmKind.MISSING_CALLS, ago(5), False)
    assert trouble_of_misses(Misses(3, ago(20), ago(1)), STORE, NOW).is_due


OFFLINE = Trouble(AlarmKind.OFFLINE, ago(20), True)


def test_each_screen_has_its_own_alarm() -> None:
    screens = [screen(1), screen(2), screen(3, State.SHOWING)]
    hidden = Trouble(AlarmKind.NOT_SHOWING, ago(15), True)

    found = wanted_alarms([1], screens, {1: OFFLINE, 2: hidden})
    assert found == {Subject(1, 1): OFFLINE, Subject(1, 2): hidden}


def test_if_all_screens_of_a_store_are_offline_there_is_one_alarm_for_the_store() -> None:
    later = Trouble(AlarmKind.OFFLINE, ago(19), True)
    screens = [screen(1), screen(2), screen(3, State.NEVER_SEEN), screen(4, None)]

    found = wanted_alarms([1], screens, {1: OFFLINE, 2: later})
    assert found == {Subject(1): Trouble(AlarmKind.STORE_OFFLINE, ago(19), True)}
    assert wanted_alarms([1], screens, {1: OFFLINE, 2: later._replace(is_due=False)}) == {}


def test_a_screen_that_was_broken_before_the_others_has_an_alarm_of_its_own() -> None:
    before = Trouble(AlarmKind.OFFLINE, ago(600), True)
    screens = [screen(1), screen(2), screen(3)]

    found = wanted_alarms([1], screens, {1: before, 2: OFFLINE, 3: OFFLINE})
    assert found == {Subject(1, 1): before, Subject(1): Trouble(AlarmKind.STORE_OFFLINE, ago(20), True)}


def test_if_the_only_other_screen_goes_offline_later_it_has_an_alarm_of_its_own() -> None:
    before, now = Trouble(AlarmKind.OFFLINE, ago(600), True), Trouble(AlarmKind.OFFLINE, ago(1), False)

    assert wanted_alarms([1], [screen(1), screen(2)], {1: before, 2: now}) == {Subject(1, 1): before}


def test_the_only_screen_of_a_store_has_an_alarm_of_its_own() -> None:
    assert wanted_alarms([1], [screen(1)], {1: OFFLINE}) == {Subject(1, 1): OFFLINE}


def test_if_the_server_was_lost_there_is_one_alarm_for_all_stores() -> None:
    troubles = {key: Trouble(AlarmKind.SERVER, ago(5 + key), True) for key in (1, 2)}
    screens = [screen(1), WatchedScreen(2, 2, State.OFFLINE, SINCE)]

    assert wanted_alarms([1, 2], screens, troubles) == {Subject(None): troubles[2]}


def test_the_alarm_ends_when_the_screen_was_well_for_long_enough() -> None:
    def end(state: State, since: datetime, trouble: Trouble | None = None) -> datetime | None:
        return end_of_screen_alarm(screen(1, state, since), STORE, trouble, NOW)

    assert end(State.SHOWING, ago(10)) == ago(10)
    assert end(State.NO_SOUND, ago(10)) == ago(10)
    assert end(State.SHOWING, ago(9)) is None
    assert end(State.ASLEEP, ago(100)) is None
    assert end(State.SHOWING, ago(100), OFFLINE) is None


def test_the_alarm_of_a_store_ends_when_one_of_its_screens_is_well() -> None:
    back, away = screen(1, State.SHOWING, ago(12)), screen(2)

    assert end_of_store_alarm([back, away], STORE, {2: OFFLINE}, NOW) == ago(12)
    assert end_of_store_alarm([away], STORE, {2: OFFLINE}, NOW) is None
