"""Alarms are raised and ended in the database, and people are told. Only one message is sent for each."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cashier_core.proof_stream import CallReport, ReplicaProof
from cashier_web.alarms.misses import count_misses, read_misses
from cashier_web.alarms.watch import update_alarms, watch_alarms
from cashier_web.history.recorder import delete_old_calls
from cashier_web.models import (
    Alarm,
    AlarmContact,
    AlarmKind,
    AlarmMessage,
    AlarmMute,
    Cause,
    Outage,
    PastCall,
    Screen,
    ScreenState,
    State,
    Store,
)
from cashier_web.screens.watched import note_watched

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def screens(stores) -> list[Screen]:
    """Two screens of the store north."""
    return [Screen.objects.create(store=stores[0], name=name, secret_hash=name) for name in ("door", "hall")]


def put(screen: Screen, state: State, since) -> None:
    ScreenState.objects.update_or_create(screen=screen, defaults={"state": state, "since": since})


def break_screen(screen: Screen, since, cause: Cause = Cause.UNKNOWN) -> None:
    put(screen, State.OFFLINE, since)
    Outage.objects.create(screen=screen, begins_at=since, cause=cause)


def repair(screen: Screen, at) -> None:
    Outage.objects.filter(screen=screen, ends_at=None).update(ends_at=at)
    put(screen, State.SHOWING, at)


@pytest.fixture
def broken(screens, now) -> Screen:
    """A screen that is offline for 11 minutes. The other screen of its store is well."""
    break_screen(screens[0], now - 11 * MINUTE)
    put(screens[1], State.SHOWING, now - 60 * MINUTE)
    return screens[0]


def test_one_alarm_begins_and_ends_and_each_contact_gets_one_message_for_both(broken, stores, now) -> None:
    north, south = stores
    for store in (north, south, None):
        slug = store.slug if store else "chain"
        AlarmContact.objects.create(store=store, kind="mail", address=f"{slug}@example.com")
    for seconds in (0, 10, 20):
        update_alarms(now + timedelta(seconds=seconds), {})
    alarm = Alarm.objects.get()

    assert (alarm.store, alarm.screen, alarm.kind) == (north, broken, AlarmKind.OFFLINE)
    assert (alarm.begins_at, alarm.raised_at, alarm.ends_at) == (now - 11 * MINUTE, now, None)

    repair(broken, now + 2 * MINUTE)
    for minutes in (3, 11, 12, 13):
        update_alarms(now + minutes * MINUTE, {})
    assert Alarm.objects.get().ends_at == now + 2 * MINUTE
    messages = AlarmMessage.objects.order_by("pk").values_list("address", "event")
    assert sorted(messages[:2]) == [("chain@example.com", "began"), ("north@example.com", "began")]
    assert sorted(messages[2:]) == [("chain@example.com", "ended"), ("north@example.com", "ended")]


def test_a_contact_that_was_added_later_does_not_hear_of_the_end(broken, now) -> None:
    update_alarms(now, {})
    AlarmContact.objects.create(store=broken.store, kind="mail", address="late@example.com")
    repair(broken, now)
    update_alarms(now + 11 * MINUTE, {})

    assert Alarm.objects.get().ends_at
    assert not AlarmMessage.objects.exists()


def test_an_address_that_is_a_contact_twice_gets_one_message(broken, now) -> None:
    for store in (broken.store, None):
        AlarmContact.objects.create(store=store, kind="mail", address="anna@example.com")
    update_alarms(now, {})

    assert AlarmMessage.objects.count() == 1


def test_outside_of_the_opening_hours_no_alarm_begins_or_ends(broken, now) -> None:
    Store.objects.update(asleep_until=now + 60 * MINUTE)
    update_alarms(now, {})
    assert not Alarm.objects.exists()

    Store.objects.update(asleep_until=None)
    update_alarms(now, {})
    Store.objects.update(asleep_until=now + 60 * MINUTE)
    repair(broken, now + MINUTE)
    update_alarms(now + 30 * MINUTE, {})
    assert Alarm.objects.get().ends_at is None
    update_alarms(now + 60 * MINUTE, {})
    assert Alarm.objects.get().ends_at == now + MINUTE


def test_the_number_of_queries_does_not_depend_on_the_number_of_alarms(
    stores, now, django_assert_max_num_queries
) -> None:
    for number in range(30):
        screen = Screen.objects.create(store=stores[0], name=f"{number}", secret_hash=f"{number}")
        break_screen(screen, now - (11 + 5 * number) * MINUTE)
    update_alarms(now, {})
    assert Alarm.objects.count() == 30
    with django_assert_max_num_queries(12):
        update_alarms(now + MINUTE, {})


def test_a_store_that_wants_no_alarms_gets_none(broken, now) -> None:
    update_alarms(now, {})
    Store.objects.update(alarm_minutes=0)
    update_alarms(now + MINUTE, {})
    assert Alarm.objects.get().ends_at == now + MINUTE

    update_alarms(now + 2 * MINUTE, {})
    assert Alarm.objects.count() == 1


def test_while_a_whole_store_is_offline_there_is_one_alarm_and_then_one_for_each_screen_left(screens, now) -> None:
    for screen in screens:
        break_screen(screen, now - 11 * MINUTE, Cause.LINE)
    update_alarms(now, {})
    update_alarms(now + MINUTE, {})
    alarm = Alarm.objects.get()
    assert (alarm.screen, alarm.kind) == (None, AlarmKind.STORE_OFFLINE)

    repair(screens[0], now + 2 * MINUTE)
    update_alarms(now + 3 * MINUTE, {})
    assert Alarm.objects.count() == 1
    update_alarms(now + 12 * MINUTE, {})
    update_alarms(now + 13 * MINUTE, {})
    alarm.refresh_from_db()
    assert alarm.ends_at == now + 2 * MINUTE
    assert Alarm.objects.get(ends_at=None).screen == screens[1]


def test_if_all_stores_have_lost_the_server_only_contacts_of_all_stores_are_told(screens, now) -> None:
    AlarmContact.objects.create(store=screens[0].store, kind="mail", address="north@example.com")
    AlarmContact.objects.create(store=None, kind="mail", address="chain@example.com")
    for screen in screens:
        break_screen(screen, now - 6 * MINUTE, Cause.SERVER)
    update_alarms(now, {})
    assert (Alarm.objects.get().store, Alarm.objects.get().kind) == (None, AlarmKind.SERVER)
    assert [each.address for each in AlarmMessage.objects.all()] == ["chain@example.com"]

    # At night, nobody knows whether the server is back.
    Outage.objects.update(ends_at=now)
    Store.objects.update(asleep_until=now + 2 * MINUTE)
    update_alarms(now + MINUTE, {})
    assert Alarm.objects.get().ends_at is None
    Store.objects.update(asleep_until=None)
    for screen in screens:
        repair(screen, now)
    update_alarms(now + 2 * MINUTE, {})
    assert Alarm.objects.get().ends_at == now + 2 * MINUTE


@pytest.mark.parametrize("is_store", [False, True])
def test_what_is_muted_raises_no_alarm_until_the_mute_ends(broken, now, is_store) -> None:
    AlarmMute.objects.create(store=broken.store, screen=None if is_store else broken, until=now + MINUTE, by="anna")
    update_alarms(now, {})
    assert not Alarm.objects.exists()

    update_alarms(now + MINUTE, {})
    assert Alarm.objects.count() == 1


@pytest.mark.parametrize("change", [{"revoked_at": timezone.now()}, {"store": "south"}], ids=["revoked", "moved"])
def test_the_alarm_of_a_screen_that_left_the_store_ends(broken, stores, now, change) -> None:
    update_alarms(now, {})
    values = {name: stores[1] if name == "store" else value for name, value in change.items()}
    Screen.objects.filter(pk=broken.pk).update(**values)
    update_alarms(now + MINUTE, {})

    assert Alarm.objects.get(screen=broken, store=stores[0]).ends_at == now + MINUTE


def test_a_screen_that_leaves_a_sleeping_store_can_raise_an_alarm_in_its_new_store(broken, stores, now) -> None:
    north, south = stores
    update_alarms(now, {})
    Store.objects.filter(pk=north.pk).update(asleep_until=now + 60 * MINUTE)
    Screen.objects.filter(pk=broken.pk).update(store=south)
    update_alarms(now + MINUTE, {})
    update_alarms(now + 2 * MINUTE, {})

    assert Alarm.objects.get(store=north).ends_at == now + MINUTE
    assert Alarm.objects.get(ends_at=None).store == south


def test_old_alarms_and_mutes_are_deleted_with_the_history(stores, now) -> None:
    store = stores[0]
    for days in (200, 1):
        at = now - timedelta(days=days)
        Alarm.objects.create(store=store, kind="store_offline", begins_at=at, raised_at=at, ends_at=at)
        AlarmMute.objects.create(store=store, until=at, by="anna")
    Alarm.objects.create(store=store, kind="store_offline", begins_at=now - timedelta(days=200), raised_at=now)
    delete_old_calls()

    assert Alarm.objects.count() == 2
    assert AlarmMute.objects.count() == 1


def test_if_nobody_watches_the_screens_nothing_changes(broken, now) -> None:
    watch_alarms()
    assert not Alarm.objects.exists()

    note_watched(timezone.now())
    watch_alarms()
    assert Alarm.objects.count() == 1


def proof(call_id: str, *, silent: list[str] | None = None, painted: list[str] | None = None) -> ReplicaProof:
    reports = [CallReport(each, 40, 10) for each in painted or []]
    return ReplicaProof("north", call_id, "replica", reports=reports, silent=silent or [])


def entry(at, number: int = 0) -> str:
    return f"{at.timestamp() * 1000:.0f}-{number}"


def past_call(store: Store, at, proof: ReplicaProof) -> None:
    PastCall.objects.create(
        store=store,
        mark=proof.call_id,
        seq=1,
        till=1,
        language="en",
        outcome="shown",
        pressed_at=at,
        starts_at=at,
        ends_at=at,
        proof={proof.replica: proof.screens},
    )


def test_a_screen_that_paints_none_of_its_calls_raises_an_alarm_that_ends_with_a_painted_call(
    screens, now, redis
) -> None:
    for screen in screens:
        put(screen, State.SHOWING, now - 600 * MINUTE)
    store = screens[0].store
    bad, good = (screen.credential_id for screen in screens)
    for minutes in (12, 6, 1):
        at = now - minutes * MINUTE
        count_misses({entry(at): proof(f"call {minutes}", silent=[bad, ""], painted=[good])})
    update_alarms(now, read_misses(now))
    alarm = Alarm.objects.get()
    assert (alarm.screen, alarm.kind) == (screens[0], AlarmKind.MISSING_CALLS)

    # That nothing is known about further calls does not mean that the screen paints them.
    redis.flushall()
    past_call(store, now + MINUTE, proof("call 0", painted=[good]))
    update_alarms(now + 2 * MINUTE, read_misses(now))
    assert Alarm.objects.get().ends_at is None
    past_call(store, now + 3 * MINUTE, proof("next call", painted=[bad, good]))
    update_alarms(now + 5 * MINUTE, read_misses(now))
    assert Alarm.objects.get().ends_at == now + 3 * MINUTE


def test_a_painted_call_ends_the_count_of_missed_calls(screens, now) -> None:
    credential_id = screens[0].credential_id
    count_misses({entry(now): proof("call 1", silent=[credential_id])})
    assert read_misses(now)[screens[0].pk].calls == 1

    count_misses({entry(now): proof("call 2", painted=[credential_id])})
    assert read_misses(now) == {}


def test_a_call_that_several_replicas_prove_one_after_the_other_counts_once(screens, now) -> None:
    for number in range(3):
        count_misses({entry(now, number): proof("call", silent=[screens[0].credential_id])})

    assert read_misses(now)[screens[0].pk].calls == 1


def test_a_call_that_another_replica_has_seen_painted_is_not_missed(screens, now) -> None:
    credential_id = screens[0].credential_id
    count_misses(
        {
            entry(now): proof("call", silent=[credential_id]),
            entry(now, 1): ReplicaProof("north", "call", "other", other_reports=[CallReport(credential_id, 30, None)]),
        }
    )

    assert read_misses(now) == {}


def test_old_misses_are_forgotten(screens, now) -> None:
    credential_id = screens[0].credential_id
    for minutes in (200, 190, 180):
        count_misses({entry(now - minutes * MINUTE): proof(f"{minutes}", silent=[credential_id])})
    assert read_misses(now) == {}

    count_misses({entry(now): proof("now", silent=[credential_id])})
    assert read_misses(now)[screens[0].pk].calls == 1
