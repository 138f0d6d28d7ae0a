"""The history in the database contains every call: who pressed, when the call was shown, and its outcome."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from cashier_core.call import Policy
from cashier_web.history import recorder
from cashier_web.infra import tokens
from cashier_web.infra.redis_clients import the_history, the_timeline
from cashier_web.models import Device, PastCall, Store
from tests.support.stores import change_stores

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def closed_buttons(environment) -> None:
    environment(cashier_open_buttons=False)


def press(client, till=4, **more):
    answer = client.post("/cashier_action", {"cashier": str(till), "language": "fr", **more})
    assert answer.status_code == 204


def recorded() -> list[PastCall]:
    recorder.record_calls()
    return list(PastCall.objects.order_by("pk"))


def test_a_call_is_recorded_with_who_pressed_and_when_it_was_shown(client, manager, store) -> None:
    change_stores(labels={"2": "Pharmacy"}, hold_seconds=5)
    press(client)
    press(client, 2, again="yes")
    first, second = recorded()

    assert (first.store, first.seq, first.till, first.label, first.language) == (store, 1, 4, "", "fr")
    assert (first.kind, first.by, first.outcome, first.again) == ("user", "anna", "shown", False)
    assert first.starts_at == first.pressed_at
    assert first.ends_at - first.starts_at == timedelta(seconds=5)
    assert abs(timezone.now() - first.pressed_at) < timedelta(seconds=30)
    assert (second.label, second.again, second.starts_at) == ("Pharmacy", True, first.ends_at)


def test_a_call_of_a_device_is_recorded_with_the_device(client, store) -> None:
    token = tokens.new_token()
    Device.objects.create(store=store, name="Button", till=3, token_hash=tokens.token_hash(token))
    assert client.get(f"/api/v1/press?token={token}").status_code == 201

    (call,) = recorded()
    assert (call.kind, call.by, call.till) == ("device", "Button", 3)


def test_with_open_buttons_a_call_is_recorded_without_a_person(client, store, environment) -> None:
    environment(cashier_open_buttons=True)
    press(client)

    assert [(call.kind, call.by) for call in recorded()] == [("", "")]


def test_a_press_that_called_nobody_is_not_recorded(client, manager) -> None:
    press(client)
    press(client, 2)
    press(client, 2)  # this press makes no call, because till 2 already has a queued call
    assert client.post("/cashier_action", {"cashier": "99", "language": "fr"}).status_code == 400
    change_stores(is_open=False)
    assert client.post("/cashier_action", {"cashier": "4", "language": "fr"}).status_code == 409

    assert [call.till for call in recorded()] == [4, 2]


def test_a_call_that_replaces_another_changes_the_outcome_of_that_call(client, manager) -> None:
    press(client)
    press(client, 2)
    change_stores(policy="replace")
    press(client, 1)
    shown, queued, newest = recorded()

    assert [call.outcome for call in (shown, queued, newest)] == ["replaced", "dropped", "shown"]
    assert shown.ends_at == newest.starts_at
    press(client, 3)
    *_before, replaced, _last = recorded()
    assert (replaced.till, replaced.outcome) == (1, "replaced"), (
        "the outcome of a call that is already in the database must change, too"
    )


def test_a_cancelled_call_and_the_calls_that_move_up_are_recorded(client, manager) -> None:
    for till in (4, 2, 1):
        press(client, till)
    queued = the_timeline().snapshot("default").calls[1]
    recorded()
    the_timeline().cancel("default", queued.call_id)
    shown, cancelled, moved = recorded()

    assert (cancelled.outcome, moved.outcome) == ("cancelled", "shown")
    assert moved.starts_at == shown.ends_at
    assert moved.ends_at - moved.starts_at == timedelta(seconds=3)


def test_a_worker_that_dies_before_it_removes_the_changes_records_no_call_twice(client, manager) -> None:
    press(client)
    recorder.save_entries(the_history().entries(10))

    assert len(recorded()) == 1
    assert the_history().entries(10) == []


def test_a_worker_that_dies_before_it_removes_the_changes_loses_no_later_change(client, manager) -> None:
    change_stores(policy="replace")
    press(client)
    recorder.save_entries(the_history().entries(10))
    press(client, 2)

    assert [(call.till, call.outcome) for call in recorded()] == [(4, "replaced"), (2, "shown")]


def test_an_outcome_changes_no_call_of_another_store_with_the_same_id(redis, store) -> None:
    now = timezone.now()
    fields = {"seq": 1, "till": 4, "language": "en", "outcome": "shown", "mark": "m", "starts_at": now, "ends_at": now}
    for each in (store, Store.objects.create(slug="north", name="North")):
        PastCall.objects.create(store=each, pressed_at=now, **fields)
    redis.xadd("cashier:history", {"changes": '[{"store": "default", "mark": "m", "outcome": "replaced"}]'})
    recorded()

    assert dict(PastCall.objects.values_list("store__slug", "outcome")) == {"north": "shown", "default": "replaced"}


def test_the_outcome_is_recorded_although_the_clock_of_redis_was_set_back_after_the_press(redis, store) -> None:
    """The ids of entries never decrease. After the clock of Redis was set back, they are ahead of the clock."""
    now = timezone.now()
    fields = {"seq": 1, "till": 4, "language": "en", "outcome": "shown", "mark": "m", "starts_at": now, "ends_at": now}
    PastCall.objects.create(store=store, pressed_at=now, **fields)
    ahead = f"{int((now + timedelta(hours=2)).timestamp() * 1000)}-0"
    redis.xadd("cashier:history", {"changes": '[{"store": "default", "mark": "m", "outcome": "replaced"}]'}, id=ahead)

    assert [call.outcome for call in recorded()] == ["replaced"]


def test_many_changes_are_recorded_in_several_batches_and_in_order(client, manager, monkeypatch) -> None:
    monkeypatch.setattr(recorder, "READ_AT_ONCE", 2)
    for till in (1, 2, 3, 4):
        press(client, till)
    the_timeline().cancel("default", the_timeline().snapshot("default").calls[2].call_id)

    assert recorder.record_calls() == 6
    assert [(call.till, call.outcome) for call in PastCall.objects.order_by("seq")] == [
        (1, "shown"),
        (2, "shown"),
        (3, "cancelled"),
        (4, "shown"),
    ]


def test_calls_are_recorded_although_their_caller_or_their_store_was_deleted(redis, store) -> None:
    Store.objects.create(slug="north", name="North")
    the_timeline().press("north", 1, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE, by="user 999999")
    the_timeline().press("gone", 1, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE, by="device 999999")

    assert [(call.store and call.store.slug, call.deleted_store, call.kind, call.by) for call in recorded()] == [
        ("north", "", "user", "user 999999"),
        (None, "gone", "device", "device 999999"),
    ]
    assert the_history().length() == 0


def test_changes_that_the_previous_version_left_in_redis_are_recorded(client, manager, redis) -> None:
    press(client)
    ((number, (change,)),) = [(n, json.loads(f[b"changes"])) for n, f in redis.xrange("cashier:history")]
    redis.xdel("cashier:history", number)
    redis.xadd("cashier:history", {"entry": json.dumps(change)})

    assert [call.till for call in recorded()] == [4]


def test_calls_stay_when_their_caller_is_deleted(client, manager) -> None:
    press(client)
    recorded()
    manager.delete()

    assert PastCall.objects.get().by == "anna"


def test_calls_older_than_the_chosen_number_of_days_are_deleted(client, manager, environment, monkeypatch) -> None:
    environment(cashier_history_days=7)
    monkeypatch.setattr(recorder, "DELETED_AT_ONCE", 2)
    for till in (1, 2, 3, 4):
        press(client, till)
    recorded()
    for call, days in zip(PastCall.objects.all(), (6.9, 7.1, 8, 400), strict=True):
        PastCall.objects.filter(pk=call.pk).update(pressed_at=timezone.now() - timedelta(days=days))

    assert recorder.delete_old_calls() == 1, "one run deletes at most two days of the history"
    assert recorder.delete_old_calls() == 2
    assert recorder.delete_old_calls() == 0
    assert PastCall.objects.count() == 1


def test_a_wrong_date_of_the_host_does_not_delete_the_history(client, manager, environment, monkeypatch) -> None:
    environment(cashier_history_days=30)
    for till in (1, 2, 3, 4):
        press(client, till)
    recorded()
    for call, days in zip(PastCall.objects.all(), (0, 2, 3.9, 6), strict=True):
        PastCall.objects.filter(pk=call.pk).update(pressed_at=timezone.now() - timedelta(days=days))
    wrong = timezone.now() + timedelta(days=3650)
    monkeypatch.setattr(timezone, "now", lambda: wrong)

    assert recorder.delete_old_calls() == 0
    PastCall.objects.filter(pk=PastCall.objects.latest("pressed_at").pk).update(pressed_at=wrong)
    assert recorder.delete_old_calls() == 1, "one run deletes at most two days of the history"


def test_a_history_that_fills_up_in_redis_is_logged(client, manager, monkeypatch, records) -> None:
    monkeypatch.setattr(recorder, "MAX_ENTRIES", 2)
    press(client)
    recorded()

    assert any("the history in Redis is half full" in record.getMessage() for record in records())


def test_the_page_lists_calls_newest_first_in_the_stores_time_zone(client, manager) -> None:
    change_stores(time_zone="Asia/Tokyo")
    press(client)
    press(client, 2)
    at = recorded()[0].pressed_at
    page = client.get("/history").content.decode()

    assert re.findall(r'<th scope="row">(Nº\d)', page) == ["Nº2", "Nº4"]
    assert f"{at + timedelta(hours=9):%Y-%m-%d %H:%M:%S}" in page
    assert page.count(">anna</td>") == 2


def test_the_pages_list_every_call_exactly_once(client, manager, store, monkeypatch) -> None:
    at = timezone.now().replace(microsecond=0)
    rows = [
        PastCall(
            store=store,
            mark=f"{n}",
            seq=n,
            till=n,
            language="en",
            pressed_at=at,
            starts_at=at,
            ends_at=at,
            outcome="shown",
        )
        for n in range(1, 251)
    ]
    PastCall.objects.bulk_create(rows)
    address, tills = "/history", []
    while address:
        page = client.get(address).content.decode()
        tills += [int(till) for till in re.findall(r'<th scope="row">Nº(\d+)', page)]
        found = re.search(r'<a href="([^"]+)">Older</a>', page)
        address = found[1].replace("&amp;", "&") if found else ""

    assert tills == list(range(250, 0, -1))


@pytest.mark.parametrize(
    "query", ["pressed=x&key=1", "pressed=1", "key=1", "pressed=99999999999999999&key=1", "pressed=-1&key=1"]
)
def test_a_page_with_invalid_parameters_is_400(client, manager, query) -> None:
    assert client.get(f"/history?{query}").status_code == 400
