"""No database error, invalid entry, rollback or deleted row loses a part of the history, or stores a call twice.

The tests produce real errors of SQLite, for example by removing a column or by making the database read-only.
"""

import json

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection
from django.utils import timezone
from redis.exceptions import RedisError

from cashier_core.call import Policy
from cashier_web.history import recorder, storage
from cashier_web.history.unstored import retry_unstored
from cashier_web.infra.redis_clients import the_history, the_timeline
from cashier_web.infra.tasks_server import metrics_text
from cashier_web.models import Device, PastCall, Store, UnstoredEntry

pytestmark = pytest.mark.django_db
CALL = {
    "store": "default",
    "mark": "m",
    "outcome": "shown",
    "seq": 1,
    "till": 4,
    "label": "",
    "language": "en",
    "by": "",
    "again": False,
    "pressed": 1_795_944_966_933,
    "start": 1_795_944_966_933,
    "end": 1_795_944_969_933,
}


@pytest.fixture
def add_entry(redis, store):
    """Return a function that adds one entry to the history in Redis, with changes as JSON or as any other content."""

    def add_entry(*changes: dict | bytes) -> None:
        content = changes[0] if isinstance(changes[0], bytes) else json.dumps(changes)
        redis.xadd("cashier:history", {"changes": content})

    return add_entry


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def marks() -> list[str]:
    """The ids of all stored calls, in the order in which they were stored."""
    return list(PastCall.objects.order_by("pk").values_list("mark", flat=True))


FAULTS = {
    "a missing column": (
        "ALTER TABLE cashier_web_pastcall RENAME COLUMN outcome TO outcome_",
        "ALTER TABLE cashier_web_pastcall RENAME COLUMN outcome_ TO outcome",
    ),
    "a missing table": (
        "ALTER TABLE cashier_web_pastcall RENAME TO pastcall_",
        "ALTER TABLE pastcall_ RENAME TO cashier_web_pastcall",
    ),
    "a missing table of stores": (
        "ALTER TABLE cashier_web_store RENAME TO store_",
        "ALTER TABLE store_ RENAME TO cashier_web_store",
    ),
    "a read-only database": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
    "a trigger that refuses new calls": (
        "CREATE TRIGGER refuse BEFORE INSERT ON cashier_web_pastcall BEGIN SELECT RAISE(ABORT, 'not now'); END",
        "DROP TRIGGER refuse",
    ),
    "a trigger that refuses new outcomes": (
        "CREATE TRIGGER refuse BEFORE UPDATE ON cashier_web_pastcall BEGIN SELECT RAISE(ABORT, 'not now'); END",
        "DROP TRIGGER refuse",
    ),
    "a trigger that undoes the transaction": (
        "CREATE TRIGGER refuse BEFORE INSERT ON cashier_web_pastcall BEGIN SELECT RAISE(ROLLBACK, 'not now'); END",
        "DROP TRIGGER refuse",
    ),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_database_that_refuses_everything_loses_nothing(add_entry, fault) -> None:
    add_entry(CALL)
    add_entry({"store": "default", "mark": "m", "outcome": "replaced"})
    break_database, repair = FAULTS[fault]
    sql(break_database)
    try:
        for _attempt in range(2):
            with pytest.raises(DatabaseError):
                recorder.record_calls()
    finally:
        sql(repair)
    assert (the_history().length(), marks(), UnstoredEntry.objects.count()) == (2, [], 0)

    recorder.record_calls()
    assert (the_history().length(), UnstoredEntry.objects.count()) == (0, 0)
    assert PastCall.objects.get().outcome == "replaced"


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_loses_nothing(add_entry) -> None:
    for number in range(200):
        add_entry({**CALL, "mark": f"{number}"})
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
    try:
        with pytest.raises(DatabaseError, match="full"):
            recorder.record_calls()
    finally:
        sql("PRAGMA max_page_count = 1073741823")
    assert (the_history().length(), marks()) == (200, [])

    recorder.record_calls()
    assert marks() == [f"{number}" for number in range(200)]


INVALID = {
    "no JSON": b"[{",
    "no UTF-8": b'["\xff"]',
    "no object": b"7",
    "too deep": b"[" * 100_000,
    "an infinite number": b'[{"store": "default", "mark": "m", "seq": Infinity}]',
    "a list in a list": b"[[]]",
    "no store": {**CALL, "store": None},
    "a store that cannot exist": {**CALL, "store": "a b"},
    "a missing value": {"store": "default", "mark": "m", "seq": 1},
    "a NUL character": {**CALL, "label": "a\0b"},
    "half a character": {**CALL, "label": "\ud800"},
    "a text that is too long": {**CALL, "label": "x" * 21},
    "a call_id that is too long": {**CALL, "mark": "x" * 65},
    "a number that is too large": {**CALL, "seq": 2**31},
    "a number that SQLite cannot store": {**CALL, "seq": 2**70},
    "a negative number": {**CALL, "till": -1},
    "a time after the year 9999": {**CALL, "pressed": 10**15},
    "a time that is a word": {**CALL, "start": "soon"},
    "an unknown outcome": {**CALL, "outcome": "vanished"},
    "an unknown kind of caller": {**CALL, "by": "cat 7"},
    "a caller that is no number": {**CALL, "by": "user x"},
    "a caller with a number that is too large": {**CALL, "by": f"user {10**18}"},
    "a change of an unknown call": {"store": "default", "mark": "unknown", "outcome": "replaced"},
}


@pytest.mark.parametrize("fault", INVALID)
def test_an_invalid_entry_is_set_aside_and_the_entries_around_it_are_stored(add_entry, fault, records) -> None:
    add_entry({**CALL, "mark": "before"})
    add_entry(INVALID[fault])
    add_entry({**CALL, "mark": "after"})
    recorder.record_calls()

    assert (marks(), the_history().length()) == (["before", "after"], 0)
    entry = UnstoredEntry.objects.get()
    assert entry.reason
    if isinstance(INVALID[fault], dict):
        assert json.loads(bytes(entry.content)) == INVALID[fault]
    assert len([each for each in records() if "can't be kept in the history" in each.getMessage()]) == 1


def test_the_other_changes_of_an_entry_with_an_invalid_change_are_stored(add_entry) -> None:
    add_entry(CALL, {"mark": "x"}, {"store": "default", "mark": "m", "outcome": "replaced"})
    recorder.record_calls()

    assert PastCall.objects.get().outcome == "replaced"
    assert UnstoredEntry.objects.count() == 1


def test_one_bad_entry_among_1000_good_ones_does_not_stop_them(add_entry) -> None:
    """The database itself refuses the entry. Therefore the recorder has to find out which of the entries is refused."""
    sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON cashier_web_pastcall WHEN NEW.till = 13 "
        "BEGIN SELECT RAISE(ABORT, 'unlucky'); END"
    )
    for number in range(1001):
        add_entry({**CALL, "mark": f"{number}", "till": 13 if number == 500 else 1})
    recorder.record_calls()

    assert marks() == [f"{number}" for number in range(1001) if number != 500]
    assert [entry.reason for entry in UnstoredEntry.objects.all()] == ["unlucky"]

    sql("DROP TRIGGER refuse")
    assert retry_unstored() == 1
    assert "500" in marks()
    assert UnstoredEntry.objects.count() == 0


def test_an_entry_that_was_set_aside_is_stored_later_together_with_its_outcome(add_entry) -> None:
    too_long = {**CALL, "label": "x" * 21}
    add_entry(too_long)
    add_entry({"store": "default", "mark": "m", "outcome": "replaced"})
    recorder.record_calls()
    assert UnstoredEntry.objects.count() == 2
    assert retry_unstored() == 0

    first = UnstoredEntry.objects.first()
    first.content = json.dumps(CALL).encode()
    first.save()
    assert retry_unstored() == 2
    assert PastCall.objects.get().outcome == "replaced"


def test_an_entry_is_set_aside_once_although_the_worker_died_before_it_was_removed(add_entry) -> None:
    add_entry({"mark": "x"})
    recorder.save_entries(the_history().entries(10))
    recorder.record_calls()

    assert UnstoredEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_fails_loses_nothing(add_entry) -> None:
    """SQLite checks foreign keys when a transaction is committed. The trigger makes the check fail."""
    add_entry(CALL)
    sql(
        "CREATE TRIGGER refuse AFTER INSERT ON cashier_web_pastcall "
        "BEGIN UPDATE cashier_web_pastcall SET store_id = 999999; END"
    )
    with pytest.raises(IntegrityError):
        recorder.record_calls()
    sql("DROP TRIGGER refuse")
    assert (the_history().length(), marks(), UnstoredEntry.objects.count()) == (1, [], 0)

    recorder.record_calls()
    assert marks() == ["m"]


def test_no_call_is_stored_twice_if_the_entries_stay_in_redis_after_the_commit(add_entry, redis) -> None:
    """A process that dies between the commit and the removal from Redis has the same effect."""
    add_entry({**CALL, "label": "x" * 21}, {**CALL, "store": "gone"}, CALL)
    add_entry({"store": "gone", "mark": "m", "outcome": "replaced"})
    redis.acl_setuser("web", enabled=True, commands=["-xdel"])
    try:
        with pytest.raises(RedisError):
            recorder.record_calls()
    finally:
        redis.acl_setuser("web", enabled=True, commands=["+xdel"])
    assert (PastCall.objects.count(), the_history().length()) == (2, 2)

    recorder.record_calls()
    calls = PastCall.objects.values_list("store__slug", "deleted_store", "mark", "outcome").order_by("deleted_store")
    assert list(calls) == [("default", "", "m", "shown"), (None, "gone", "m", "replaced")]
    assert (UnstoredEntry.objects.count(), the_history().length()) == (1, 0)


def test_history_is_stored_without_any_row_in_the_other_tables(add_entry) -> None:
    sql("DELETE FROM cashier_web_store")
    add_entry(CALL)
    recorder.record_calls()

    call = PastCall.objects.get()
    assert (call.store, call.deleted_store) == (None, "default")


def call_of(slug: str) -> None:
    the_timeline().press(slug, 1, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE)


def test_the_calls_of_a_deleted_store_are_kept_and_shown_in_the_admin(admin_client, store) -> None:
    north = Store.objects.create(slug="north", name="North")
    call_of("north")
    recorder.record_calls()
    call_of("north")
    call_of("default")
    page = admin_client.get(f"/admin/cashier_web/store/{north.pk}/delete/").content.decode()
    assert "Calls, which stay in the history: 1" in page
    admin_client.post(f"/admin/cashier_web/store/{north.pk}/delete/", {"post": "yes"})
    recorder.record_calls()

    assert list(PastCall.objects.order_by("pk").values_list("store__slug", "deleted_store")) == [
        (None, "north"),
        (None, "north"),
        ("default", ""),
    ]
    page = admin_client.get("/admin/cashier_web/callofdeletedstore/?q=north").content.decode()
    assert page.count('<td class="field-deleted_store">north</td>') == 2
    assert "2 calls of deleted stores" in page


def test_old_calls_of_deleted_stores_and_old_entries_are_deleted_like_other_calls(add_entry, environment) -> None:
    add_entry({**CALL, "store": "gone", "pressed": 0})
    add_entry({**CALL, "mark": "newer"})
    add_entry({"mark": "x"})
    recorder.record_calls()
    PastCall.objects.filter(mark="newer").update(pressed_at=timezone.now())
    assert recorder.delete_old_calls() == 1
    assert (PastCall.objects.count(), UnstoredEntry.objects.count()) == (1, 1)

    UnstoredEntry.objects.update(set_aside_at="2020-01-01T00:00:00Z")
    recorder.delete_old_calls()
    assert UnstoredEntry.objects.count() == 0


def test_an_administrator_sees_entries_that_could_not_be_stored_and_stores_them_again(admin_client, add_entry) -> None:
    add_entry(b'["\xff"]')
    add_entry({"store": "default", "mark": "m", "outcome": "replaced"})
    recorder.record_calls()
    page = admin_client.get("/admin/cashier_web/unstoredentry/")
    assert "the call that this change belongs to is not in the history" in page.content.decode()
    assert "\\xff" in page.content.decode()
    assert "\ncashier_history_unstored 2.0\n" in metrics_text().decode()

    add_entry(CALL)
    recorder.record_calls()
    chosen = {"action": "retry", "_selected_action": list(UnstoredEntry.objects.values_list("pk", flat=True))}
    page = admin_client.post("/admin/cashier_web/unstoredentry/", chosen, follow=True).content.decode()
    assert "Entries stored in the history: 1." in page
    assert "Entries that still cannot be stored: 1." in page
    assert PastCall.objects.get().outcome == "replaced"
    assert UnstoredEntry.objects.count() == 1


def test_staff_without_permission_do_not_see_the_entries(client, db) -> None:
    client.force_login(User.objects.create_user("staff", is_staff=True))

    assert client.get("/admin/cashier_web/unstoredentry/").status_code == 403


def test_names_of_callers_contain_people_and_devices_that_still_exist(store) -> None:
    person = User.objects.create_user("anna")
    device = Device.objects.create(store=store, name="Button", token_hash="x")
    keys = [f"user {person.pk}", f"device {device.pk}", "device 999999", ""]

    assert list(storage.names_of_callers(keys).keys() ^ set(keys)) == []
    found = storage.names_of_callers(keys)
    assert [found[key] for key in keys] == [
        ("user", "anna"),
        ("device", "Button"),
        ("device", "device 999999"),
        ("", ""),
    ]
