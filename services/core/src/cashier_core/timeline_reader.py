"""The reader: many stores' timelines in one round trip, for boards."""

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
    """A client for snapshots; whoever reads them comes again soon."""
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2, retry=Retry(NoBackoff(), 0))


class TimelineReader:
    """Reads stores' timelines, and which screens are revoked. All methods raise RedisError if Redis doesn't answer."""

    def __init__(self, redis: Redis, clock: str | None = None) -> None:
        self._redis = redis
        self._snapshot = redis.register_script(source("snapshot.lua", clock))

    async def snapshots(self, stores: Sequence[str]) -> list[Snapshot | Exception]:
        """Of each store its calls that have not ended, and the state that they belong to, in two round trips for all.

        An exception where one store's can't be read, for instance because somebody else wrote to its keys.
        """
        async with self._redis.pipeline(transaction=False) as pipeline:  # which gives its connection back in any case
            for store in stores:
                await self._snapshot(keys=keys(store), args=[], client=pipeline)
            return [_read(Snapshot.from_reply, answer) for answer in await pipeline.execute(raise_on_error=False)]

    async def versions(self, stores: Sequence[str]) -> list[Version]:
        """Version of each store, in one round trip; where one can't be read, that of a store that isn't known.

        Raises what Redis says of all of them, but for a type that isn't ours.
        """
        async with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                pipeline.hmget(keys(store)[0], ["epoch", "rev", "mark"])
            answers = await pipeline.execute(raise_on_error=False)
        if answers and all(isinstance(each, RedisError) and not str(each).startswith("WRONGTYPE") for each in answers):
            raise answers[0]
        versions = [_read(_version_of, answer) for answer in answers]
        return [Version() if isinstance(version, Exception) else version for version in versions]

    async def revoked(self) -> frozenset[str]:
        """Credential ids of the screens whose tickets are no longer accepted."""
        return frozenset(each.decode() for each in cast(set[bytes], await self._redis.smembers(KEY)))


def _read(read: Callable[[Any], T], answer: Any) -> T | Exception:
    """An answer as `read` reads it; an exception if it is one, or none of ours."""
    if isinstance(answer, Exception):
        return answer
    try:
        return read(answer)
    except (ValueError, TypeError, AttributeError) as fault:
        return fault


def _version_of(answer: Any) -> Version:
    """What HMGET answered; of a store that isn't known, nothing three times."""
    epoch, rev, change_id = answer
    return Version((epoch or b"").decode(), int(rev or 0), (change_id or b"").decode())
