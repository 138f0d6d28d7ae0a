"""Keeps the documents in Redis right when rows of the database change.

Before a row changes, its documents are removed from Redis. They are written again after the transaction was committed.
If Redis does not answer before the change, the change is refused, because an old document would allow presses that the
change forbids.
"""

import logging
from collections.abc import Collection, Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.db.transaction import TransactionManagementError

from cashier_web.infra.batches import batches
from cashier_web.models import Device, Membership, Store
from cashier_web.press_data import redis_documents
from cashier_web.press_data.documents import ABSENT, DocumentId, every_id, read_documents

SENDERS: tuple[type[Model], ...] = (Store, User, Membership, Device)
"""The models whose rows are in documents."""
COLUMNS_WITHOUT_EFFECT = {"last_login", "used_at", "revision", "changes_at", "asleep_until"}
"""Columns that no press needs. If only these columns change, the documents do not change."""
BATCH = 200
"""The number of documents that are compared at once. Redis needs a millisecond for them, so that no press waits."""

log = logging.getLogger(__name__)


def begin_change(ids: Collection[DocumentId]) -> None:
    """Remove these documents. When the transaction is committed, write them again.

    Must be called within the transaction that changes the rows. Raises RedisError if Redis does not answer. The
    transaction must then be rolled back.
    """
    if not transaction.get_connection().in_atomic_block:
        raise TransactionManagementError("begin_change() must be called within a transaction")
    change = redis_documents.begin_change(ids)
    transaction.on_commit(lambda: _end_change(ids, change))


def before_change(sender: Any, instance: Any, update_fields: Collection[str] | None = None, **signal: Any) -> None:
    """Remove the documents that contain this row. If Redis does not answer, raise RedisError.

    Django calls this function before it saves or deletes a row (signals `pre_save` and `pre_delete`).
    """
    if update_fields is not None and set(update_fields) <= COLUMNS_WITHOUT_EFFECT:
        return
    if ids := _documents_with(instance):
        instance._changed_documents = ids, redis_documents.begin_change(ids)


def after_change(sender: Any, instance: Any, **signal: Any) -> None:
    """Write the documents that contain this row again when the transaction is committed.

    Django calls this function after it has saved or deleted a row (signals `post_save` and `post_delete`).
    """
    if changed := instance.__dict__.pop("_changed_documents", None):
        transaction.on_commit(lambda: _end_change(*changed))


def restore_documents() -> int:
    """Make all documents equal to the database. Returns how many documents were written or deleted.

    The periodic task "documents" calls this function. Usually nothing differs. Documents differ after Redis has lost
    its data, and if a row was changed by an earlier version of cashier_q, or by hand.
    """
    in_database = set(every_id())
    count = 0
    for ids in batches(sorted(in_database | set(redis_documents.known_ids())), BATCH):
        count += _write(ids, in_database)
    return count


def _write(ids: Iterable[DocumentId], in_database: Collection[DocumentId]) -> int:
    """Write the documents that differ from the database. Returns how many documents were written or deleted.

    in_database: the documents whose rows are in the database. Redis gets no entries for other documents, and loses the
    entries that it has.
    """
    entries = redis_documents.read_many(list(ids))
    for each, entry in entries.items():
        if not entry.version and each in in_database:
            entries[each] = redis_documents.create(each)
    documents = read_documents(entries)
    different = {
        each: entry.version
        for each, entry in entries.items()
        if entry.version and not entry.is_open and (entry.document != documents[each] or each not in in_database)
    }
    gone = {
        each: version for each, version in different.items() if documents[each] == ABSENT and each not in in_database
    }
    kept = {each: documents[each] for each in different if each not in gone}
    return len(redis_documents.store(kept, different)) + redis_documents.delete(gone)


def _documents_with(row: Any) -> list[DocumentId]:
    """Return the documents that contain this row, before or after the change."""
    if isinstance(row, Store):
        return [DocumentId.of_store(row.slug)]  # The slug of a store does not change.
    if isinstance(row, User):
        # A person without a primary key is new, and has no document yet.
        return [DocumentId.of_person(row.pk)] if row.pk else []
    if isinstance(row, Membership):
        people = {row.person_id, *Membership.objects.filter(pk=row.pk).values_list("person", flat=True)}
        return [DocumentId.of_person(person) for person in people]
    tokens = {row.token_hash, *Device.objects.filter(pk=row.pk).values_list("token_hash", flat=True)}
    return [DocumentId.of_device(token_hash) for token_hash in tokens]


def _end_change(ids: Collection[DocumentId], change: str) -> None:
    """Write the documents of a change after its transaction was committed."""
    try:
        redis_documents.end_change(ids, change)
        versions = {each: entry.version for each, entry in redis_documents.read_many(list(ids)).items()}
        redis_documents.store(read_documents(ids), versions)
    except Exception as fault:  # The change is saved, so the request must not fail.
        # Until the change ends by itself, a press reads the rows from the database.
        log.warning("documents for presses could not be written: %s", fault)
