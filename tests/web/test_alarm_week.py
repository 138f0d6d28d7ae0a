"""A week of 50 stores, with nights, a holiday and faults, on a clock that the test sets: one alarm for each fault."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cashier_core.screen_status import Link, PageState, ScreenStatus, Sound
from cashier_web.alarms.watch import update_alarms
from cashier_web.fleet.states import Memory, judge, remember, within_hours
from cashier_web.fleet.watch import known_screens, save
from cashier_web.models import Alarm, AlarmContact, AlarmMessage, Outage, Screen, Store
from cashier_web.stores.automatic_opening import follow_hours, reschedule

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(120)]
PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 30, tzinfo=PARIS)
MONDAY_NIGHT, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY = (MONDAY + timedelta(days=n) for n in (0, 1, 2, 3, 4, 5))
VERSION = "ab12cd34"
SHOWING = [ScreenStatus(Link.REPORTING, PageState(True, True, Sound.ON, VERSION, 1920, 1080, "Chrome 142"))]
HIDDEN = [ScreenStatus(Link.REPORTING, PageState(False, True, Sound.ON, VERSION, 1920, 1080, "Chrome 142"))]
AWAY: list[ScreenStatus] = []


def at(day: datetime, hour: int, minute: int = 0) -> datetime:
    return day.replace(hour=hour, minute=minute)


def is_on(now: datetime) -> bool:
    """Whether televisions are switched on: from five minutes before the opening until five minutes after the closing.

    The stores are open from Monday to Saturday, and Wednesday is a holiday.
    """
    minutes = now.hour * 60 + now.minute
    return now.weekday() not in {2, 6} and 8 * 60 - 5 <= minutes < 20 * 60 + 5


# Each fault is: the number of the store, the number of the screen (None means all screens of the store), its begin and
# its end, and what the replicas know about the screen meanwhile.
FAULTS = [
    (7, None, at(THURSDAY, 10), at(THURSDAY, 11), AWAY),  # The store has lost its line.
    (9, 1, at(TUESDAY, 15), at(THURSDAY, 9, 30), AWAY),  # The screen is broken over the holiday.
    (12, 2, at(MONDAY, 12), at(MONDAY, 12, 5), HIDDEN),  # Somebody has used the browser for a few minutes.
    (13, 2, at(MONDAY, 12), at(MONDAY, 13), HIDDEN),
    (11, None, at(SATURDAY, 7), at(SATURDAY, 9), AWAY),  # Nobody has switched the televisions on.
]


def statuses(store: int, screen: int, now: datetime) -> list[ScreenStatus]:
    """What the replicas know about the screen with this number (0 to 2) of the store with this number (0 to 49)."""
    if not is_on(now):
        return AWAY
    is_flapping = (store, screen) == (3, 0) and at(FRIDAY, 14) <= now < at(FRIDAY, 16)
    if is_flapping and now.minute % 4 != 3:
        return AWAY
    for of_store, of_screen, begin, end, found in FAULTS:
        if store == of_store and of_screen in {None, screen} and begin <= now < end:
            return found
    return SHOWING


def moments() -> Iterator[datetime]:
    """Yield each fifth minute of the week, and each minute while the screen is flapping."""
    now = MONDAY
    while now < MONDAY + timedelta(days=7):
        yield now
        is_flapping = at(FRIDAY, 13, 55) <= now < at(FRIDAY, 16, 30)
        now += timedelta(minutes=1 if is_flapping else 5)


@pytest.fixture
def screens() -> dict[int, tuple[int, int]]:
    """The number of the store and of the screen, by the primary key of the screen."""
    found = {}
    Store.objects.update(alarm_minutes=0)
    for number in range(50):
        store = Store(
            slug=f"s{number}",
            name=f"Store {number}",
            time_zone="Europe/Paris",
            opening_hours="Mo-Sa 08:00-20:00",
            special_days="2026-12-02 closed",
            follows_hours=True,
        )
        reschedule(store, ["opening_hours"], MONDAY)
        store.save()
        for index in range(3):
            screen = Screen(store=store, name=f"{index}", secret_hash=f"{number}.{index}", seen_at=MONDAY)
            screen.save()
            found[screen.pk] = (number, index)
    AlarmContact.objects.create(store=None, kind="mail", address="chain@example.com")
    return found


def live_through(screens: dict[int, tuple[int, int]]) -> None:
    memory, before = Memory(), MONDAY - timedelta(minutes=5)
    for now in moments():
        follow_hours(now)
        of_screens = {key: statuses(*place, now) for key, place in screens.items()}
        known = known_screens()
        memory = remember(memory, known, of_screens, now, now - before, is_replica_lost=False)
        findings = within_hours(judge(known, of_screens, memory, now, VERSION), known, now)
        save(findings, {each.key: each.saved for each in known}, now)
        update_alarms(now, {})
        before = now


def test_each_fault_of_the_week_raises_one_alarm_and_none_is_raised_outside_of_the_hours(screens) -> None:
    live_through(screens)
    alarms = [
        (
            each.store.slug,
            each.screen.name if each.screen else "",
            each.kind,
            each.begins_at.astimezone(PARIS),
            each.ends_at.astimezone(PARIS),
        )
        for each in Alarm.objects.order_by("raised_at").select_related("store", "screen")
    ]

    assert alarms == [
        ("s13", "2", "not_showing", at(MONDAY, 12), at(MONDAY, 13)),
        ("s9", "1", "offline", at(TUESDAY, 15), at(THURSDAY, 9, 30)),
        ("s7", "", "store_offline", at(THURSDAY, 10), at(THURSDAY, 11)),
        ("s3", "0", "offline", at(FRIDAY, 14), at(FRIDAY, 15, 59)),
        ("s11", "", "store_offline", at(SATURDAY, 8), at(SATURDAY, 9)),
    ]
    assert all(is_on(each.raised_at.astimezone(PARIS)) for each in Alarm.objects.all())
    assert sorted(AlarmMessage.objects.values_list("event").order_by()) == [("began",)] * 5 + [("ended",)] * 5
    closed = [each for each in Outage.objects.all() if not is_on(each.begins_at.astimezone(PARIS))]
    assert closed == []
