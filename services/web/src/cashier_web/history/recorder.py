"""Moves calls from Redis into the database, and deletes old calls. Only one process at a time does this."""

import json
import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from cashier_core.history import MAX_ENTRIES
from cashier_web.history.changes import Change, InvalidChange, parse_change, split_entry
from cashier_web.history.storage import CallMissingError, lock_history, store_changes
from cashier_web.history.unstored import REFUSED, set_aside, store_or_set_aside
from cashier_web.infra.redis_clients import the_history
from cashier_web.models import Alarm, AlarmMute, Outage, PastCall, Store, UnstoredEntry

READ_AT_ONCE = 1000
DELETED_AT_ONCE = 5000
QUIET_DAYS = 7
DAYS_AT_ONCE = 2

log = logging.getLogger(__name__)


def record_calls() -> int:
    """Save all changes of calls that are in Redis, in the order in which they happened. Returns the number of changes.

    A change that is itself invalid is set aside (see `unstored`). Raises RedisError or a database error if Redis or the
    database does not work. In this case, all unsaved changes stay in Redis, and the next run saves them.
    """
    history, total = the_history(), 0
    if history.length() >= MAX_ENTRIES / 2:
        log.warning("the history in Redis is half full or more; when it is full, presses are refused")
    while history.length():
        with transaction.atomic():
            # The entries are read after the lock was taken. If they were read before, another process could save newer
            # changes of the same calls meanwhile, and this process would then overwrite the newer changes.
            lock_history()
            entries = history.entries(READ_AT_ONCE)
            total += save_entries(entries)
        # If the process dies here, the next run saves the same entries again. This changes nothing in the database.
        if entries:
            history.remove([entry_id for entry_id, _content in entries])
    return total


def save_entries(entries: list[tuple[str, bytes]]) -> int:
    """Save the changes in these entries, or set them aside. Must be called within a transaction.

    Returns the number of changes. Raises a database error if the database does not work; the transaction must then be
    rolled back.
    """
    valid: list[tuple[str, bytes, Change]] = []
    total = 0
    for entry_id, content in entries:
        try:
            changes = split_entry(content)
        except InvalidChange as error:
            set_aside(entry_id, content, str(error))
            continue
        total += len(changes)
        for change in changes:
            written = json.dumps(change).encode()
            try:
                valid.append((entry_id, written, parse_change(change)))
            except InvalidChange as error:
                set_aside(entry_id, written, str(error))
    try:
        with transaction.atomic():
            store_changes([change for _entry_id, _content, change in valid])
    except (CallMissingError, *REFUSED):
        # At least one of the changes was refused. Saving each change separately takes longer, and shows which.
        for entry_id, written, change in valid:
            store_or_set_aside(entry_id, written, change)
    return total


def delete_old_calls() -> int:
    """Delete the calls that are older than CASHIER_HISTORY_DAYS days. Returns the number of deleted calls.

    The calls are deleted in batches, so that no other transaction has to wait long. Entries that could not be stored
    and outages of screens are deleted after the same time.

    After a power cut, the clock of the host may show a date in the future, and all calls seem to be old. Therefore the
    clock counts for at most QUIET_DAYS after the newest call, and one run deletes at most DAYS_AT_ONCE of each store.
    """
    total = 0
    # The calls of each store are read separately, because the database index of the calls begins with the store. None
    # stands for the stores that were deleted.
    of_stores = [PastCall.objects.filter(store=store) for store in [*Store.objects.values_list("pk", flat=True), None]]
    spans = [calls.aggregate(oldest=Min("pressed_at"), newest=Max("pressed_at")) for calls in of_stores]
    newest = [span["newest"] for span in spans if span["newest"]]
    today = min([timezone.now(), *([max(newest) + timedelta(days=QUIET_DAYS)] if newest else [])])
    limit = today - timedelta(days=settings.ENVIRONMENT.cashier_history_days)
    for calls, span in zip(of_stores, spans, strict=True):
        if span["oldest"] is None:
            continue
        before = min(limit, span["oldest"] + timedelta(days=DAYS_AT_ONCE))
        old = calls.filter(pressed_at__lt=before).order_by("pressed_at").values_list("pk", flat=True)
        while keys := list(old[:DELETED_AT_ONCE]):
            total += PastCall.objects.filter(pk__in=keys).delete()[0]
    UnstoredEntry.objects.filter(set_aside_at__lt=limit).delete()
    Outage.objects.filter(ends_at__lt=limit).delete()
    Alarm.objects.filter(ends_at__lt=limit).delete()
    AlarmMute.objects.filter(until__lt=limit).delete()
    return total
