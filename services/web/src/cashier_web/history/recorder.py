"""Moves calls from Redis into the database, and deletes old calls. Only one worker process at a time does this."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from cashier_core.call import DEFAULT_STORE
from cashier_core.history import MAX_ENTRIES
from cashier_web.infra.redis_clients import the_history
from cashier_web.models import Device, PastCall, Store

READ_AT_ONCE = 1000
RECENT_MS = 3_600_000
"""An hour, in milliseconds. If a call has changed, the SQL statement UPDATE searches only calls that were pressed less
than an hour before the change. Older calls cannot change any more, because every call ends less than an hour after its
press."""
DELETED_AT_ONCE = 5000
NOBODY = ("", "")
INSERT = """
    INSERT INTO cashier_web_pastcall (
        store_id, mark, seq, till, label, language, again, kind, "by", pressed_at, starts_at, ends_at, outcome
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (store_id, mark) DO NOTHING
"""
UPDATE = """
    UPDATE cashier_web_pastcall
    SET outcome = COALESCE(%s, outcome), starts_at = COALESCE(%s, starts_at), ends_at = COALESCE(%s, ends_at)
    WHERE store_id = %s AND mark = %s AND pressed_at >= %s
"""
"""INSERT and UPDATE are written in SQL because Django's ORM is too slow. For each call, the ORM needs a tenth of the
time that web needs for a press. INSERT does not change a row that exists already. Such a row exists if a worker process
has died after it saved the row and before it removed the change from Redis."""

log = logging.getLogger(__name__)


def record_calls() -> int:
    """Save all changes of calls that are in Redis, in the order in which they happened. Returns the number of changes.

    Raises RedisError or a database error if Redis or the database does not answer. In this case, all unsaved changes
    stay in Redis.
    """
    history, total = the_history(), 0
    if history.length() >= MAX_ENTRIES:
        log.warning("calls are missing in the history: it was not read for so long that Redis deleted the oldest")
    while changes := history.changes(READ_AT_ONCE):
        try:
            with transaction.atomic():
                save_changes(changes)
        except (OperationalError, InterfaceError):
            raise  # The database does not answer. Therefore the changes stay in Redis.
        except Exception:
            save_one_by_one(changes)
        history.remove([entry_id for entry_id, _change in changes])
        total += len(changes)
    return total


def save_one_by_one(changes: list[tuple[str, dict[str, Any]]]) -> None:
    """Save each change of a batch separately, because saving all changes of the batch together has failed.

    A change that the database refuses is logged and dropped. Raises a database error if the database does not answer.
    """
    for entry_id, change in changes:
        try:
            with transaction.atomic():
                save_changes([(entry_id, change)])
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("this change can't be kept in the history: %r", change)


def save_changes(changes: list[tuple[str, dict[str, Any]]]) -> None:
    """Insert new calls, and update the outcome and the times of calls that are already in the database.

    Saving the same change twice does no harm.
    """
    # Two worker processes must not save changes at the same time. Therefore a worker process first locks the row of
    # the default store, which always exists. A second worker process waits until the first one has saved its changes.
    Store.objects.select_for_update(no_key=True).get(slug=DEFAULT_STORE)
    slugs = {change["store"] for _entry_id, change in changes}
    stores = dict(Store.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    callers = names_of_callers(change.get("by", "") for _entry_id, change in changes)
    new, later = [], []
    for entry_id, change in changes:
        store, call_id = stores.get(change["store"]), change["mark"]
        if store is None:
            continue  # The store was deleted with all its calls. Therefore the change is dropped.
        start, end = (database_time(change[key]) if key in change else None for key in ("start", "end"))
        if "seq" in change:
            values = [change[name] for name in ("seq", "till", "label", "language", "again")]
            pressed = database_time(change["pressed"])
            caller = callers.get(change["by"], NOBODY)
            new.append((store, call_id, *values, *caller, pressed, start, end, change["outcome"]))
        else:
            # The id of an entry in a Redis stream begins with the time of the entry in milliseconds, on Redis's clock.
            since = database_time(int(entry_id.split("-")[0]) - RECENT_MS)
            later.append((change.get("outcome"), start, end, store, call_id, since))
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, new)
        cursor.executemany(UPDATE, later)


def names_of_callers(keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the kind and the name of each person and device that has called.

    The keys of the returned dict are texts such as "device 7", and its values are pairs such as ("device", "Button").
    """
    ids: dict[str, set[int]] = {"user": set(), "device": set()}
    for kind, key in (name.split() for name in set(keys) if name):
        ids[kind].add(int(key))
    people = User.objects.filter(pk__in=ids["user"]).values_list("pk", "username")
    devices = Device.objects.filter(pk__in=ids["device"]).values_list("pk", "name")
    return {
        **{f"user {key}": ("user", name) for key, name in people},
        **{f"device {key}": ("device", name) for key, name in devices},
    }


def database_time(milliseconds: float) -> Any:
    """Convert a Unix time in milliseconds to the form that the database's driver accepts."""
    return connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(milliseconds / 1000, UTC))


def delete_old_calls() -> int:
    """Delete the calls that are older than CASHIER_HISTORY_DAYS days. Returns the number of deleted calls.

    The calls are deleted in batches, so that no other transaction has to wait long.
    """
    limit, total = timezone.now() - timedelta(days=settings.ENVIRONMENT.cashier_history_days), 0
    # Delete the calls of each store separately, because the database index of the calls begins with the store.
    for store in Store.objects.only("pk"):
        old = store.calls.filter(pressed_at__lt=limit).order_by("pressed_at").values_list("pk", flat=True)
        while keys := list(old[:DELETED_AT_ONCE]):
            total += PastCall.objects.filter(pk__in=keys).delete()[0]
    return total
