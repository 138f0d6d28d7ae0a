"""Sets aside entries of the history that cannot be stored, and tries later to store them again.

An entry is set aside only if the fault is in the entry. If the database refuses everything, the entries stay in Redis.
"""

import hashlib
import logging
from collections.abc import Iterable

from django.db import DataError, IntegrityError, transaction

from cashier_web.history.changes import Change, InvalidChange, NewCall, parse_change, split_entry
from cashier_web.history.storage import CallMissingError, lock_history, store_changes
from cashier_web.models import PastCall, UnstoredEntry

REFUSED = (DataError, IntegrityError, ValueError, OverflowError)
"""These exceptions of the database and its driver may concern one change only. A driver raises ValueError or
OverflowError if it cannot convert a value of the change for the database.

Any other exception of the database concerns every change, for example if a column is missing (ProgrammingError), if the
disk is full or read-only, if a lock was not free in time, or if there is no connection (OperationalError)."""

MOST_LOGGED = 1000
"""A log line contains at most this many bytes of an entry. The table contains the whole entry."""

log = logging.getLogger(__name__)


def set_aside(entry_id: str, content: bytes, reason: str) -> None:
    """Keep an entry, or one change of an entry, in the table of entries that could not be stored."""
    digest = hashlib.sha256(entry_id.encode() + b" " + content).hexdigest()
    UnstoredEntry.objects.get_or_create(
        digest=digest, defaults={"entry_id": entry_id, "content": content, "reason": reason}
    )
    text = content[:MOST_LOGGED].decode(errors="backslashreplace")
    log.error("this change can't be kept in the history: %s: %s", text, reason)


def store_or_set_aside(entry_id: str, content: bytes, change: Change) -> None:
    """Store one change. If the database refuses the change, set it aside.

    Raises the database's exception if the database would refuse other changes, too.
    """
    try:
        with transaction.atomic():
            store_changes([change])
    except CallMissingError as error:
        set_aside(entry_id, content, str(error))
    except REFUSED as error:
        if database_refuses_everything():
            raise
        set_aside(entry_id, content, _one_line(error))


def database_refuses_everything() -> bool:
    """Whether the database also refuses a change that is certainly valid. The change is not kept.

    For example, a trigger may refuse every row for a while.
    """
    call = NewCall(
        store="-", mark="-", seq=1, till=1, label="", language="en", again=False, by="", pressed=0, start=0, end=0,
        outcome=PastCall.Outcome.SHOWN,
    )  # fmt: skip
    try:
        with transaction.atomic():
            store_changes([call])
            store_changes([Change(store="-", mark="-", end=1)])
            transaction.set_rollback(True)
    except REFUSED:
        return True
    return False


def retry_unstored(entries: Iterable[UnstoredEntry] | None = None) -> int:
    """Try to store the entries that were set aside, by default all of them. Returns how many were stored.

    An entry that can be stored is deleted from the table of entries that could not be stored. Raises a database error
    if the database does not work; then nothing changes.
    """
    stored = 0
    with transaction.atomic():
        lock_history()
        chosen = UnstoredEntry.objects.order_by("pk")
        if entries is not None:
            chosen = chosen.filter(pk__in=[entry.pk for entry in entries])
        for entry in chosen.iterator():
            try:
                with transaction.atomic():
                    store_changes([parse_change(change) for change in split_entry(bytes(entry.content))])
                    entry.delete()
                stored += 1
            except (InvalidChange, CallMissingError, *REFUSED) as error:
                reason = _one_line(error)
                if reason != entry.reason:
                    UnstoredEntry.objects.filter(pk=entry.pk).update(reason=reason)
    return stored


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
