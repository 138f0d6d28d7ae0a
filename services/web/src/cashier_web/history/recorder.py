"""Moves calls from Redis into the database, and deletes old calls. One worker at a time does this."""

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
"""A change of a call comes at most this long after its press; the call has ended long before."""
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
"""Raw SQL, because the ORM takes a tenth of the time of a press for each call, more than a press may lose by the
history. A row that exists already stays as it is: a worker may have died after it saved the row and before it removed
the change from Redis."""

log = logging.getLogger(__name__)


def record_calls() -> int:
    """Save all changes of calls that are in Redis, in the order in which they happened. Returns how many there were.

    Raises RedisError and Django's database errors; no change is lost then.
    """
    history, total = the_history(), 0
    if history.length() >= MAX_ENTRIES:
        log.warning("calls are missing in the history: it was not read for so long that Redis gave up the oldest")
    while changes := history.changes(READ_AT_ONCE):
        try:
            with transaction.atomic():
                save_changes(changes)
        except (OperationalError, InterfaceError):
            raise  # the database does not answer; the changes stay in Redis
        except Exception:
            save_one_by_one(changes)
        history.remove([number for number, _change in changes])
        total += len(changes)
    return total


def save_one_by_one(changes: list[tuple[str, dict[str, Any]]]) -> None:
    """Save the changes of a batch that could not be saved together. One that can't be saved is logged and dropped."""
    for number, change in changes:
        try:
            with transaction.atomic():
                save_changes([(number, change)])
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("this can't be kept in the history: %r", change)


def save_changes(changes: list[tuple[str, dict[str, Any]]]) -> None:
    """Insert new calls, and update the outcome and times of earlier ones. Saving a change twice does no harm."""
    # This row always exists. While it is locked, a second worker waits, and then sees what the first one has saved.
    Store.objects.select_for_update(no_key=True).get(slug=DEFAULT_STORE)
    slugs = {change["store"] for _number, change in changes}
    stores = dict(Store.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    callers = names_of_callers(change.get("by", "") for _number, change in changes)
    new, later = [], []
    for number, change in changes:
        store, call_id = stores.get(change["store"]), change["mark"]
        if store is None:
            continue  # the store was deleted, and its calls with it
        start, end = (database_time(change[key]) if key in change else None for key in ("start", "end"))
        if "seq" in change:
            values = [change[name] for name in ("seq", "till", "label", "language", "again")]
            pressed = database_time(change["pressed"])
            caller = callers.get(change["by"], NOBODY)
            new.append((store, call_id, *values, *caller, pressed, start, end, change["outcome"]))
        else:
            # The number of a stream entry begins with the time of Redis's clock.
            since = database_time(int(number.split("-")[0]) - RECENT_MS)
            later.append((change.get("outcome"), start, end, store, call_id, since))
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, new)
        cursor.executemany(UPDATE, later)


def names_of_callers(keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Maps keys such as "user 12" and "device 7" to the kind and the name, such as ("device", "Button")."""
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
    """A time in ms since the epoch, in the form that the database's driver accepts."""
    return connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(milliseconds / 1000, UTC))


def delete_old_calls() -> int:
    """Delete the calls that are older than CASHIER_HISTORY_DAYS. Returns how many.

    This deletes a few at a time, so that no other transaction waits long.
    """
    limit, total = timezone.now() - timedelta(days=settings.ENVIRONMENT.cashier_history_days), 0
    for store in Store.objects.only("pk"):  # store by store, because the index begins with the store
        old = store.calls.filter(pressed_at__lt=limit).order_by("pressed_at").values_list("pk", flat=True)
        while keys := list(old[:DELETED_AT_ONCE]):
            total += PastCall.objects.filter(pk__in=keys).delete()[0]
    return total
