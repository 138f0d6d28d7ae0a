"""Counts the calls in a row that a screen should have painted and has not painted.

The proofs of calls (history/proofs.py) contain the screens. The numbers are in Redis. If Redis loses them, the count
begins again.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

from cashier_core.proof_stream import ReplicaProof
from cashier_web.history.proof_summary import screen_key
from cashier_web.infra.redis_clients import the_redis

KEY = "cashier:fleet:misses"
MISSES_EXPIRE_AFTER = timedelta(hours=1)
"""A miss that is older than this is forgotten. The next missed call begins a new count."""
REMEMBERED_CALLS = 5
"""Several replicas may prove the same call, one after the other. It counts once."""


class Misses(NamedTuple):
    """The last calls of a screen, none of which it has painted.

    calls: how many they are. first, last: when the first and the last proof came. call_ids: the newest of them.
    """

    calls: int
    first: datetime
    last: datetime
    call_ids: tuple[str, ...] = ()


def read_misses(now: datetime) -> dict[int, Misses]:
    """Return the misses by the primary keys of the screens. Raises RedisError."""
    return {key: misses for key, misses in _read().items() if now - misses.last <= MISSES_EXPIRE_AFTER}


def count_misses(proofs: Mapping[str, ReplicaProof]) -> None:
    """Add new proofs to the count. proofs: the proofs by the ids of their entries in the stream. Raises RedisError."""
    painted, missed = _screens_of(proofs)
    if not painted and not missed:
        return
    known = _read()
    changed = {}
    for key, calls in missed.items():
        before = known.get(key)
        if before is None or min(calls.values()) - before.last > MISSES_EXPIRE_AFTER:
            before = Misses(0, min(calls.values()), min(calls.values()))
        new = [call_id for call_id in calls if call_id not in before.call_ids]
        if new:
            call_ids = (*before.call_ids, *new)[-REMEMBERED_CALLS:]
            changed[key] = Misses(before.calls + len(new), before.first, max(calls.values()), call_ids)
    newest = max((misses.last for misses in changed.values()), default=datetime.min.replace(tzinfo=UTC))
    old = {key for key, misses in known.items() if newest - misses.last > MISSES_EXPIRE_AFTER} - changed.keys()
    with the_redis().pipeline() as pipeline:
        if gone := [str(key) for key in known if key in painted | old]:
            pipeline.hdel(KEY, *gone)
        for key, misses in changed.items():
            values = [misses.calls, misses.first.timestamp(), misses.last.timestamp(), *misses.call_ids]
            pipeline.hset(KEY, str(key), json.dumps(values))
        pipeline.execute()


def _read() -> dict[int, Misses]:
    entries = cast(dict[bytes, bytes], the_redis().hgetall(KEY))
    found = {}
    for key, content in entries.items():
        calls, first, last, *call_ids = json.loads(content)
        first_at, last_at = (datetime.fromtimestamp(each, UTC) for each in (first, last))
        found[int(key)] = Misses(calls, first_at, last_at, tuple(call_ids))
    return found


def _screens_of(proofs: Mapping[str, ReplicaProof]) -> tuple[set[int], dict[int, dict[str, datetime]]]:
    """Return the screens that have painted a call, and the calls that each other screen has missed, with their times.

    If a screen was connected to several replicas, one of them may know its report, and another one may not.
    """
    painted: set[int] = set()
    missed: defaultdict[int, dict[str, datetime]] = defaultdict(dict)
    for entry_id, proof in proofs.items():
        noted_at = datetime.fromtimestamp(int(entry_id.partition("-")[0]) / 1000, UTC)
        reports = [*proof.reports, *proof.other_reports]
        painted |= {
            screen_key(each.credential_id) for each in reports if each.credential_id and each.paint_ms is not None
        }
        unpainted = [each.credential_id for each in proof.reports if each.paint_ms is None]
        for credential_id in [*proof.silent, *unpainted]:
            if credential_id:
                missed[screen_key(credential_id)].setdefault(proof.call_id, noted_at)
    return painted, {key: calls for key, calls in missed.items() if key not in painted}
