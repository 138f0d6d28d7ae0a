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
FORGOTTEN = timedelta(hours=1)
"""If a screen has missed its last call before this time, the next call begins a new count."""


class Misses(NamedTuple):
    """The last calls of a screen, none of which it has painted. first, last: when the first and last proof came."""

    calls: int
    first: datetime
    last: datetime


def read_misses(now: datetime) -> dict[int, Misses]:
    """Return the misses by the primary keys of the screens. Raises RedisError."""
    return {key: misses for key, misses in _read().items() if now - misses.last <= FORGOTTEN}


def count_misses(proofs: Mapping[str, ReplicaProof]) -> None:
    """Add new proofs to the count. proofs: the proofs by the ids of their entries in the stream. Raises RedisError."""
    painted, missed = _screens_of(proofs)
    if not painted and not missed:
        return
    known = _read()
    changed = {}
    for key, times in missed.items():
        before = known.get(key)
        if before is None or min(times) - before.last > FORGOTTEN:
            before = Misses(0, min(times), min(times))
        changed[key] = Misses(before.calls + len(times), before.first, max(times))
    newest = max((misses.last for misses in changed.values()), default=None)
    old = {key for key, misses in known.items() if newest and newest - misses.last > FORGOTTEN} - changed.keys()
    with the_redis().pipeline() as pipeline:
        if gone := [str(key) for key in known if key in painted | old]:
            pipeline.hdel(KEY, *gone)
        for key, misses in changed.items():
            values = [misses.calls, misses.first.timestamp(), misses.last.timestamp()]
            pipeline.hset(KEY, str(key), json.dumps(values))
        pipeline.execute()


def _read() -> dict[int, Misses]:
    entries = cast(dict[bytes, bytes], the_redis().hgetall(KEY))
    found = {}
    for key, content in entries.items():
        calls, first, last = json.loads(content)
        found[int(key)] = Misses(calls, datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC))
    return found


def _screens_of(proofs: Mapping[str, ReplicaProof]) -> tuple[set[int], dict[int, list[datetime]]]:
    """Return the screens that have painted a call, and the times of the calls that each other screen has missed.

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
    return painted, {key: list(calls.values()) for key, calls in missed.items() if key not in painted}
