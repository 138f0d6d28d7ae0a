"""The history: one worker at a time brings calls from Redis into the database, where they stay until they are old."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from cashier_core.call import DEFAULT_STORE
from cashier_core.history import MOST
from cashier_web.infra.redis_clients import the_history
from cashier_web.models import Device, PastCall, Store

AT_ONCE = 1000
RECENT_MS = 3_600_000
"""A call that is changed later than this after its press has ended long before."""
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
"""In SQL, for the ORM takes a tenth of the time that the press took, which is more than a press may lose by it. What is
there already is left: a worker may have died before it said so."""

log = logging.getLogger(__name__)


def record() -> int:
    """Bring all that waits into the database, in the order in which it happened; how many changes these were.

    What is there already is left as it is: a worker may have died before it said so. Raises RedisError and Django's
    errors of the database; nothing is lost then.
    """
    history, total = the_history(), 0
    if history.length() >= MOST:
        log.warning("calls are missing in the history: it was not read for so long that Redis gave up the oldest")
    while changes := history.changes(AT_ONCE):
        try:
            with transaction.atomic():
                save(changes)
        except (OperationalError, InterfaceError):
            raise  # the database is away; they wait
        except Exception:
            save_one_by_one(changes)
        history.remove([number for number, _change in changes])
        total += len(changes)
    return total


def save_one_by_one(changes: list[tuple[str, dict[str, Any]]]) -> None:
    """One of them can't be kept, and must not keep the others from it for ever; it is told."""
    for number, change in changes:
        try:
            with transaction.atomic():
                save([(number, change)])
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("this can't be kept in the history: %r", change)


def save(changes: list[tuple[str, dict[str, Any]]]) -> None:
    """New calls, and what became of those before. Twice is as good as once, whoever else does it at the same time."""
    # A row that is always there, locked, so that of two workers the second one sees what the first one has saved.
    Store.objects.select_for_update(no_key=True).get(slug=DEFAULT_STORE)
    slugs = {change["store"] for _number, change in changes}
    stores = dict(Store.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    callers = known(change.get("by", "") for _number, change in changes)
    new, later = [], []
    for number, change in changes:
        store, mark = stores.get(change["store"]), change["mark"]
        if store is None:
            continue  # it was deleted, and its calls with it
        start, end = (moment(change[key]) if key in change else None for key in ("start", "end"))
        if "seq" in change:
            told = [change[name] for name in ("seq", "till", "label", "language", "again")]
            pressed = moment(change["pressed"])
            who = callers.get(change["by"], NOBODY)
            new.append((store, mark, *told, *who, pressed, start, end, change["outcome"]))
        else:
            # By Redis's own clock, which is in the number.
            since = moment(int(number.split("-")[0]) - RECENT_MS)
            later.append((change.get("outcome"), start, end, store, mark, since))
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, new)
        cursor.executemany(UPDATE, later)


def known(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Of `user 12` and `device 7`: which of both, and what it is called."""
    asked: dict[str, set[int]] = {"user": set(), "device": set()}
    for kind, key in (name.split() for name in set(names) if name):
        asked[kind].add(int(key))
    people = User.objects.filter(pk__in=asked["user"]).values_list("pk", "username")
    devices = Device.objects.filter(pk__in=asked["device"]).values_list("pk", "name")
    return {
        **{f"user {key}": ("user", name) for key, name in people},
        **{f"device {key}": ("device", name) for key, name in devices},
    }


def moment(milliseconds: float) -> Any:
    """As the database takes it."""
    return connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(milliseconds / 1000, UTC))


def prune() -> int:
    """Delete the calls that are older than is kept; how many these were. A few at a time, so that nobody waits."""
    limit, total = timezone.now() - timedelta(days=settings.ENVIRONMENT.cashier_history_days), 0
    for store in Store.objects.only("pk"):  # one by one, for it is by store that the index finds them
        old = store.calls.filter(pressed_at__lt=limit).order_by("pressed_at").values_list("pk", flat=True)
        while some := list(old[:DELETED_AT_ONCE]):
            total += PastCall.objects.filter(pk__in=some).delete()[0]
    return total
