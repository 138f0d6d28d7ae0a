"""Moves the proofs of calls from Redis into the database. Only one process at a time does this."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from math import inf

from django.db import transaction
from django.db.models import QuerySet
from pydantic import TypeAdapter, ValidationError

from cashier_core.proof_stream import ReplicaProof
from cashier_web.history.storage import lock_history
from cashier_web.history.unstored import REFUSED
from cashier_web.infra.redis_clients import the_history, the_proof_reader
from cashier_web.models import PastCall, Store

READ_AT_ONCE = 500
MOST_LOGGED = 1000
"""A log line contains at most this many bytes of an entry."""

Entries = Mapping[str, ReplicaProof]
"""Proofs by the ids of their entries in the stream."""

PROOF: TypeAdapter[ReplicaProof] = TypeAdapter(ReplicaProof)

log = logging.getLogger(__name__)


def record_proofs(on_saved: Callable[[Entries], None] = lambda proofs: None) -> int:
    """Save the proofs that are in Redis. Returns the number of entries that were removed from Redis.

    on_saved: is called with all proofs that were saved.

    A proof stays in Redis as long as its call may not be in the database yet. A proof that can never be saved is logged
    and removed. Raises RedisError or a database error if Redis or the database does not work. In this case, all unsaved
    proofs stay in Redis, and the next run saves them.
    """
    reader, total = the_proof_reader(), 0
    while entries := reader.entries(READ_AT_ONCE):
        valid = {entry_id: proof for entry_id, content in entries if (proof := _parse(content))}
        oldest_change_ms = min((_milliseconds(entry_id) for entry_id, _ in the_history().entries(1)), default=inf)
        without_call = save_or_log(valid)
        # If the oldest change in the history is younger than a proof, the call of the proof is in the database already.
        waiting = {entry_id for entry_id in without_call if oldest_change_ms <= _milliseconds(entry_id)}
        if lost := without_call - waiting:
            log.error("proofs are lost, because the history does not contain their calls: %d", len(lost))
        # If the process dies here, the next run saves the same proofs again. This changes nothing in the database.
        on_saved({entry_id: proof for entry_id, proof in valid.items() if entry_id not in without_call})
        done = [entry_id for entry_id, _content in entries if entry_id not in waiting]
        reader.remove(done)
        total += len(done)
        if waiting:
            break
    return total


def save_or_log(proofs: Entries) -> set[str]:
    """Save proofs. If the database refuses a proof, log this. Returns the ids of the proofs whose call is missing."""
    try:
        return save_proofs(proofs)
    except REFUSED:
        if len(proofs) == 1:
            (proof,) = proofs.values()
            log.exception("the proof of the call %s of %s can't be saved", proof.call_id, proof.store)
            return set()
    # The fault may be in one proof only.
    return {missing for entry_id, proof in proofs.items() for missing in save_or_log({entry_id: proof})}


def save_proofs(proofs: Entries) -> set[str]:
    """Add each proof to its call in the database. The proofs of several replicas for the same call are kept together.

    Returns the ids of the proofs whose call is not in the database.
    """
    of_stores: dict[str, dict[str, dict[str, ReplicaProof]]] = defaultdict(lambda: defaultdict(dict))
    for entry_id, proof in proofs.items():
        of_stores[proof.store][proof.call_id][entry_id] = proof
    missing: set[str] = set()
    with transaction.atomic():
        # The JSON value of a call is read, changed and written. The lock excludes other processes that do the same.
        lock_history()
        keys = dict(Store.objects.filter(slug__in=of_stores).values_list("slug", "pk"))
        for slug, of_calls in of_stores.items():
            changed = []
            for call in calls_of(slug, keys.get(slug), of_calls):
                parts = {proof.replica: proof.screens for proof in of_calls.pop(call.mark).values()}
                call.proof = {**(call.proof or {}), **parts}
                changed.append(call)
            PastCall.objects.bulk_update(changed, ["proof"], batch_size=100)
            missing.update(entry_id for entries in of_calls.values() for entry_id in entries)
    return missing


def calls_of(slug: str, key: int | None, call_ids: Mapping[str, object]) -> QuerySet[PastCall]:
    """Return these calls of a store. key: the primary key of the store; None if the store was deleted.

    The database finds the calls with the index of the constraint `each_call_once`. With the usual order of calls,
    SQLite would use another index, and read all calls of the store.
    """
    of_store = {"store": key} if key else {"store": None, "deleted_store": slug}
    return PastCall.objects.order_by().filter(**of_store, mark__in=list(call_ids)).only("mark", "proof")


def _milliseconds(entry_id: str) -> int:
    """Return when an entry was added to a stream, as a Unix time in milliseconds on the clock of Redis."""
    return int(entry_id.partition("-")[0])


def _parse(content: bytes) -> ReplicaProof | None:
    try:
        return PROOF.validate_json(content)
    except ValidationError as error:
        text = content[:MOST_LOGGED].decode(errors="backslashreplace")
        log.error("this proof of a call is invalid: %s: %s", text, "; ".join(each["msg"] for each in error.errors()))
        return None
