"""Stores changes of calls in the database.

The statements are written in SQL because Django's ORM is too slow. For each call, the ORM needs a tenth of the time
that web needs for a press.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from cashier_web.history.changes import Change, NewCall
from cashier_web.models import Device, Store

INSERT = """
    INSERT INTO cashier_web_pastcall (
        store_id, deleted_store, mark, seq, till, label, language, again, kind, "by", pressed_at, starts_at, ends_at,
        outcome
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""
"""Does not change a row that exists already. Such a row exists if a worker process has died after it saved the row and
before it removed the change from Redis."""
UPDATE = """
    UPDATE cashier_web_pastcall
    SET outcome = COALESCE(%s, outcome), starts_at = COALESCE(%s, starts_at), ends_at = COALESCE(%s, ends_at)
    WHERE mark = %s AND (store_id = %s OR (store_id IS NULL AND deleted_store = %s))
"""
LOCK = 0x63715F68
"""The number of the lock in PostgreSQL, "cq_h" in ASCII. No other part of cashier_q uses this kind of lock."""


class CallMissingError(Exception):
    """A change belongs to a call that is not in the database."""


def lock_history() -> None:
    """Let no other process store changes until the end of the transaction. Waits until the other process has finished.

    If two processes stored the same changes at the same time, an older change could overwrite a newer change. The lock
    is an advisory lock of PostgreSQL and not the lock of a row, because any row can be deleted. SQLite needs no such
    lock, because all transactions of cashier_q wait for SQLite's write lock when they begin.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def store_changes(changes: Sequence[Change]) -> None:
    """Insert new calls, and update the outcome and the times of calls that are already in the database.

    Storing the same changes twice, in their order, does no harm. If the store of a call was deleted, the call is stored
    with the slug of the store. Raises CallMissingError if one of the changes belongs to a call that is not in the
    database, and any database error. After an exception, the caller must roll back the transaction or the savepoint.
    """
    slugs = {change.store for change in changes}
    stores = dict(Store.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    callers = names_of_callers(change.by for change in changes if isinstance(change, NewCall))
    new: list[tuple[Any, ...]] = []
    later: list[tuple[Any, ...]] = []
    for change in changes:
        store = stores.get(change.store)
        start, end = _database_time(change.start), _database_time(change.end)
        if isinstance(change, NewCall):
            values = (change.seq, change.till, change.label, change.language, change.again, *callers[change.by])
            times = (_database_time(change.pressed), start, end)
            deleted_store = "" if store else change.store
            new.append((store, deleted_store, change.mark, *values, *times, change.outcome.value))
        else:
            outcome = change.outcome.value if change.outcome else None
            later.append((outcome, start, end, change.mark, store, change.store))
    with connection.cursor() as cursor:
        if new:
            cursor.executemany(INSERT, new)
        if later:
            cursor.executemany(UPDATE, later)
            if cursor.rowcount < len(later):
                raise CallMissingError("the call that this change belongs to is not in the history")


def names_of_callers(keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the kind and the name of each person and device that has called.

    The keys of the returned dict are texts such as "device 7", and its values are pairs such as ("device", "Button").
    If the person or the device was deleted, the text "device 7" takes the place of the name.
    """
    callers = {key: (key.partition(" ")[0], key) for key in set(keys)}
    ids: dict[str, list[int]] = {"user": [], "device": [], "": []}
    for key, (kind, _name) in callers.items():
        ids[kind].append(int(key.partition(" ")[2] or 0))
    people = User.objects.filter(pk__in=ids["user"]).values_list("pk", "username")
    devices = Device.objects.filter(pk__in=ids["device"]).values_list("pk", "name")
    callers |= {f"user {pk}": ("user", name) for pk, name in people}
    return callers | {f"device {pk}": ("device", name) for pk, name in devices}


def _database_time(milliseconds: int | None) -> Any:
    """Convert a Unix time in milliseconds to the form that the database's driver accepts. None stays None."""
    if milliseconds is None:
        return None
    return connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(milliseconds / 1000, UTC))
