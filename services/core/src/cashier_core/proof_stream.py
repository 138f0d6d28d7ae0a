"""Passes the proofs of calls from ws to the service tasks, through a stream in Redis.

If nobody reads the stream, ws stops adding proofs. A full Redis would refuse presses, which matter more.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

KEY = "cashier:proofs"
"""The key of the stream."""
MAX_BYTES = 60_000_000
"""If the stream needs this much memory in Redis, ws adds no more proofs."""
LIFETIME_SECONDS = 7 * 86_400
"""Redis deletes the stream if nobody has added a proof for a week, for example after a rollback to version 0.1.0."""


class CallReport(NamedTuple):
    """What the page of one screen has reported about one call.

    credential_id: the credential id of a paired screen; "" for a screen that is not paired.
    paint_ms: milliseconds from the arrival of the number until the browser had painted it; None if it has not painted
    the number, for example because the page was hidden.
    removal_ms: milliseconds from the end of the call until the browser had painted what followed. A negative value
    means that the number was removed too early. None if the browser has not painted the number or what followed.
    """

    credential_id: str
    paint_ms: int | None
    removal_ms: int | None


@dataclass(frozen=True)
class ReplicaProof:
    """What one replica knows about one call, a minute after the end of the call.

    A call is owed to each screen that was connected to the replica when the call began, and still was when it ended.
    Lists of screens contain their credential ids; "" stands for a screen that is not paired.

    store: the slug of the store.
    call_id: the call_id of the call.
    replica: a text that identifies the replica and its start.
    reports: the reports of the screens to which the call was owed.
    silent: the screens to which the call was owed and whose pages can report, but have reported nothing about it.
    unknown: the other screens to which the call was owed. Their pages cannot report, or had no time to report, because
    the screen has disconnected or the replica has ended.
    joined, left: the screens that connected or disconnected during the call.
    other_reports: the reports of other screens: those that connected during the call, or after it.
    """

    store: str
    call_id: str
    replica: str
    reports: list[CallReport] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    other_reports: list[CallReport] = field(default_factory=list)

    @property
    def screens(self) -> dict[str, list[Any]]:
        """The lists of screens that are not empty, by name."""
        names = ("reports", "silent", "unknown", "joined", "left", "other_reports")
        return {name: screens for name in names if (screens := getattr(self, name))}

    def to_json(self) -> str:
        """Return the proof as the content of an entry of the stream."""
        proof = {"store": self.store, "call_id": self.call_id, "replica": self.replica, **self.screens}
        return json.dumps(proof, separators=(",", ":"))


async def add_proofs(redis: AsyncRedis, proofs: Sequence[str]) -> bool:
    """Add proofs (results of `ReplicaProof.to_json`) to the stream.

    Returns False, and adds nothing, if the stream is full. Raises redis.RedisError if Redis does not answer. Some of
    the proofs may have been added nevertheless, and may be added again.
    """
    # With samples=0, Redis looks at the whole stream, which takes a few milliseconds. Otherwise Redis looks only at the
    # oldest entries, and the lengths of entries differ much.
    if (await redis.memory_usage(KEY, samples=0) or 0) >= MAX_BYTES:
        return False
    async with redis.pipeline(transaction=False) as pipeline:
        for proof in proofs:
            pipeline.xadd(KEY, {"proof": proof})
        pipeline.expire(KEY, LIFETIME_SECONDS)
        await pipeline.execute()
    return True


class ProofReader:
    """Reads the stream of proofs. Every method raises redis.RedisError if Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def entries(self, count: int) -> list[tuple[str, bytes]]:
        """Return the `count` oldest entries, as pairs of the entry's id and its content, which is not checked here."""
        found = cast(list[tuple[bytes, dict[bytes, bytes]]], self._redis.xrange(KEY, count=count))
        return [(entry_id.decode(), fields.get(b"proof") or repr(fields).encode()) for entry_id, fields in found]

    def remove(self, entry_ids: Sequence[str]) -> None:
        """Remove these entries, because the database now contains them."""
        if entry_ids:
            self._redis.xdel(KEY, *entry_ids)
