"""Reads the timelines of many stores in one round trip to Redis; ws uses it for its boards."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from cashier_core.events import Version
from cashier_core.lua import keys, source
from cashier_core.revocations import KEY
from cashier_core.snapshot import Snapshot

T = TypeVar("T")


def connect(url: str) -> "Redis":
    """Create a client that does not retry, because its callers read again soon anyway."""
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2, retry=Retry(NoBackoff(), 0))


class TimelineReader:
    """Reads timelines, and which screens are revoked. All methods raise RedisError if Redis does not answer."""

    def __init__(self, redis: Redis, clock: str | None = None) -> None:
        """clock: see `lua.source`."""
        self._redis = redis
        self._snapshot = redis.register_script(source("snapshot.lua", clock))

    async def snapshots(self, stores: Sequence[str]) -> list[Snapshot | Exception]:
        """The snapshot of each store, in two round trips for all of them.

        If one store's keys cannot be read, for example because another program has written to them, the list contains
        an exception in its place.
        """
        # The context manager returns the connection to the pool even if a command fails.
        async with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                await self._snapshot(keys=keys(store), args=[], client=pipeline)
            return [_parse(Snapshot.from_reply, reply) for reply in await pipeline.execute(raise_on_error=False)]

    async def versions(self, stores: Sequence[str]) -> list[Version]:
        """The version of each store, in one round trip. A store that cannot be read has the version of an unknown
        store.

        Raises RedisError if Redis refuses the command for all stores, for another reason than a key of a wrong type.
        """
        async with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                pipeline.hmget(keys(store)[0], ["epoch", "rev", "mark"])
            replies = await pipeline.execute(raise_on_error=False)
        if replies and all(isinstance(each, RedisError) and not str(each).startswith("WRONGTYPE") for each in replies):
            raise replies[0]
        versions = [_parse(_version, reply) for reply in replies]
        return [Version() if isinstance(version, Exception) else version for version in versions]

    async def revoked(self) -> frozenset[str]:
        """Credential ids of the screens whose tickets are no longer accepted."""
        return frozenset(each.decode() for each in cast(set[bytes], await self._redis.smembers(KEY)))


def _parse(parse: Callable[[Any], T], reply: Any) -> T | Exception:
    """Parse a reply. Returns an exception if the reply is one, or if it cannot be parsed."""
    if isinstance(reply, Exception):
        return reply
    try:
        return parse(reply)
    except (ValueError, TypeError, AttributeError) as fault:
        return fault


def _version(reply: Any) -> Version:
    """Parse a reply to HMGET. All three values are None if Redis does not know the store."""
    epoch, rev, change_id = reply
    return Version((epoch or b"").decode(), int(rev or 0), (change_id or b"").decode())
