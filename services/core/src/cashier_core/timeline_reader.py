"""Reads the timelines of many stores together. ws uses this module to keep its boards up to date."""

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from cashier_core.events import Version
from cashier_core.lua import CHANGES_KEY, OFFSET_KEY, clock_source, keys, source
from cashier_core.redis_address import async_redis_client
from cashier_core.redis_clock import SET, ClockWatch, Reading
from cashier_core.revocations import KEY
from cashier_core.snapshot import Snapshot

T = TypeVar("T")
MAX_CHANGES = 2000
"""The largest number of changes that are read at once. If there are more, comparing all stores is cheaper."""

log = logging.getLogger(__name__)


def connect(url: str) -> "Redis":
    """Create a Redis client that repeats a command at once, over a new connection, if the connection was closed.

    After a restart of Redis, the client keeps old connections, and notices that they are closed only when it uses them.
    This can be minutes later, because the client opens several connections only if it reads several times at once. The
    client does not repeat a command after a timeout, because ws soon reads the timelines again anyway. The client waits
    for a connection for only half a second, because after a failover of Redis, the host of the old primary may be gone.
    """
    retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    return async_redis_client(url, socket_connect_timeout=0.5, socket_timeout=2, retry=retry)


class TimelineReader:
    """Reads timelines and the revoked credentials. All methods raise RedisError if Redis does not answer."""

    def __init__(self, redis: Redis, clock: str | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        """clock: Lua code that tests use in place of the clock of Redis; None for the clock of Redis.

        monotonic: the clock of this process; see ClockWatch.
        """
        self._redis = redis
        self._watch = ClockWatch(monotonic)
        self._last_change: bytes | None = None
        """The id of the newest entry of the stream of changes that was read; None if no entry was read."""
        self._run_id = ""
        """The run id of Redis, which is new after each start of Redis."""
        self._read_clock = redis.register_script(clock_source(clock))
        self._snapshot = redis.register_script(source("snapshot.lua", clock))

    async def snapshots(self, stores: Sequence[str]) -> list[Snapshot | Exception]:
        """Read a snapshot of each store, with two round trips for all stores together.

        If the keys of a store cannot be read, the returned list contains an exception in place of the snapshot. For
        example, another program may have overwritten the keys.
        """
        replies = await self._snapshots(stores)
        if SET in replies:
            await self.check_clock()
            replies = await self._snapshots(stores)
        return [_parse(Snapshot.from_reply, reply) for reply in replies]

    async def _snapshots(self, stores: Sequence[str]) -> list[Any]:
        """Return the replies of `snapshot.lua`. If the clock of Redis was set, a reply is `SET`."""
        arguments = [json.dumps(self._watch.limits())]
        # `async with` returns the Redis connection to the connection pool even if a command fails.
        async with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                await self._snapshot(keys=[*keys(store), OFFSET_KEY], args=arguments, client=pipeline)
            return await pipeline.execute(raise_on_error=False)

    async def check_clock(self) -> None:
        """Compare the clock of Redis with the clock of this process, and correct the timeline's clock if necessary.

        Must be called about once a second, so that no store notices for longer than a second that the clock was set.
        """
        sent = self._watch.monotonic()
        now, offset = await self._read_clock(keys=[OFFSET_KEY])
        if jump := self._watch.jump_ms(Reading(now, sent, self._watch.monotonic())):
            log.warning("the clock of Redis was set by %+d ms; no call is affected", jump)
            await self._read_clock(keys=[OFFSET_KEY], args=[offset, -jump])

    async def changes(self) -> dict[str, Version] | None:
        """Read which stores have changed since the last call of this method, and their versions after the change.

        Returns None if the reader cannot know it: at the first call, while the stream is empty, after `MAX_CHANGES` or
        more changes, after a restart of Redis, or if the stream no longer contains the last known change. The caller
        must then compare all its stores (`versions`).
        """
        last, run_id = self._last_change, self._run_id
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.info("server")
            # The entries begin with the last known one. If it is missing, entries after it may be missing, too.
            pipeline.xrange(CHANGES_KEY, min=last or "-", count=MAX_CHANGES)
            pipeline.xrevrange(CHANGES_KEY, count=1)  # If the changes cannot be known, the next call begins here.
            info, entries, newest = await pipeline.execute()
        self._run_id = info["run_id"]
        is_complete = bool(last and entries) and entries[0][0] == last and len(entries) < MAX_CHANGES
        if is_complete and run_id == self._run_id:
            self._last_change = entries[-1][0]
            changes = [_parse(_change, fields) for _id, fields in entries[1:]]
            if not any(isinstance(change, Exception) for change in changes):
                return dict(cast(list[tuple[str, Version]], changes))
            return None  # Another program has written something into the stream.
        self._last_change = newest[0][0] if newest else None
        return None

    async def versions(self, stores: Sequence[str]) -> list[Version]:
        """Read the version of each store's timeline, with one round trip for all stores together.

        If the key of a store cannot be read, the version of this store is `Version()`, as for a store that Redis does
        not know. Raises RedisError if Redis refuses the commands for all stores. The error WRONGTYPE is not such a
        refusal: it says that the key of one store contains a value of a wrong type.
        """
        async with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                pipeline.hmget(keys(store)[0], ["epoch", "rev", "mark"])
            replies = await pipeline.execute(raise_on_error=False)
        if replies and all(isinstance(each, RedisError) and not str(each).startswith("WRONGTYPE") for each in replies):
            raise replies[0]
        versions = [_parse(_version_from_hash, reply) for reply in replies]
        return [Version() if isinstance(version, Exception) else version for version in versions]

    async def revoked(self) -> frozenset[str]:
        """Read the credential_ids that are revoked. ws refuses their tickets."""
        return frozenset(each.decode() for each in cast(set[bytes], await self._redis.smembers(KEY)))


def _parse(parse: Callable[[Any], T], reply: Any) -> T | Exception:
    """Parse a reply of Redis. If the reply is an exception, or cannot be parsed, the exception is returned."""
    if isinstance(reply, Exception):
        return reply
    try:
        return parse(reply)
    except (ValueError, TypeError, AttributeError, LookupError) as fault:
        return fault


def _version_from_hash(reply: Any) -> Version:
    """Parse the reply to HMGET, which has three values. If Redis does not know the store, all three values are None."""
    epoch, rev, change_id = reply
    return Version((epoch or b"").decode(), int(rev or 0), (change_id or b"").decode())


def _change(fields: dict[bytes, bytes]) -> tuple[str, Version]:
    """Parse an entry of the stream of changes. Returns the slug of the store, and the version after the change."""
    version = Version(fields[b"epoch"].decode(), int(fields[b"rev"]), fields[b"mark"].decode())
    return fields[b"store"].decode(), version
