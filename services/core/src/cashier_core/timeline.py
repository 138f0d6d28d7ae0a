"""A store's timeline in Redis: calls are scheduled, announced and read by scripts, each of them atomic."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, TypeVar, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from cashier_core.call import Call, Policy
from cashier_core.events import REDIS_CHANNEL, Version
from cashier_core.waiting import Waiting

MOST_WAITING = 20
"""Calls that may wait in one store; the next press is refused."""

T = TypeVar("T")

Outcome = Literal["called", "waits", "waits already", "stays up"]


class QueueFull(Exception):
    """`MOST_WAITING` calls wait in this store already; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a press. place: 1 is up now, 2 is next, and so on."""

    outcome: Outcome
    seq: int
    starts_in_ms: int
    place: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A store's timeline as it is in Redis at one moment."""

    version: Version
    seq: int
    waiting: Waiting | None
    calls: tuple[Call, ...]


def source(name: str, clock: str | None = None) -> str:
    """Text of one script; `clock` replaces the Lua that tells the time, for tests of a timeline."""
    lua = files("cashier_core") / "lua"
    parts = (clock or (lua / "clock.lua").read_text(), (lua / "store.lua").read_text(), (lua / name).read_text())
    return "\n".join(parts)


def keys(store: str) -> list[str]:
    """The store's two keys, under one hash tag so that a cluster keeps them together."""
    return [f"cashier:{{{store}}}:store", f"cashier:{{{store}}}:calls"]


def connect(url: str) -> "Redis":
    """A client for presses. It never tries again by itself: a press whose fate is unknown must not be doubled."""
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2, retry=Retry(NoBackoff(), 0))


def connect_async(url: str) -> "AsyncRedis":
    """A client for snapshots; whoever reads them comes again soon."""
    return AsyncRedis.from_url(url, socket_connect_timeout=1, socket_timeout=2, retry=AsyncRetry(NoBackoff(), 0))


class Timeline:
    """Writes stores' timelines. Every method raises redis.RedisError when Redis doesn't answer."""

    def __init__(self, redis: Redis, clock: str | None = None) -> None:
        self._redis = redis
        self._press = redis.register_script(source("press.lua", clock))
        self._waiting = redis.register_script(source("waiting.lua", clock))

    def press(
        self,
        store: str,
        num_cashier: int,
        language: str,
        *,
        waiting_language: str,
        hold_ms: int,
        policy: Policy,
        label: str = "",
        mark: str = "",
    ) -> Receipt:
        """Schedule a call and announce it to every screen of the store. Raises QueueFull.

        label: the till's, where it isn't called by its number.
        mark: a random word for this press. The same press again, within a minute, gets the same receipt and does
        nothing.
        """
        mark = mark or secrets.token_hex(16)
        arguments = (num_cashier, language, waiting_language, hold_ms, policy.value, MOST_WAITING, label)
        names = [*keys(store), f"cashier:{{{store}}}:press:{mark}"]
        answer = cast(list[Any], self._press(keys=names, args=[store, REDIS_CHANNEL, mark, *arguments]))
        outcome, seq, starts_in_ms, place = answer
        if outcome == b"full":
            raise QueueFull(store)
        return Receipt(outcome.decode(), seq, starts_in_ms, place)

    def set_waiting(self, stores: Mapping[str, Waiting]) -> None:
        """Change what these stores' screens say while nobody is called, at once.

        A call that is up or waits is left as it is, and a store that says this already is told nothing. After a
        RedisError some of it may have been done.
        """
        with self._redis.pipeline(transaction=True) as pipeline:
            for store, waiting in stores.items():
                told = [store, REDIS_CHANNEL, secrets.token_hex(16), waiting.language, waiting.notice]
                self._waiting(keys=keys(store), args=told, client=pipeline)
            pipeline.execute()

    def waiting(self, stores: Sequence[str]) -> list[Waiting | None]:
        """What is said of each of these stores; None where Redis knows nothing."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                pipeline.hmget(keys(store)[0], ["language", "notice"])
            answers = cast(list[tuple[bytes | None, bytes | None]], pipeline.execute())
        return [
            Waiting(language.decode(), (notice or b"").decode()) if language else None for language, notice in answers
        ]

    def ping(self) -> None:
        """Return if Redis answers."""
        self._redis.ping()


class TimelineReader:
    """Reads stores' timelines. Every method raises redis.RedisError when Redis doesn't answer."""

    def __init__(self, redis: AsyncRedis, clock: str | None = None) -> None:
        self._redis = redis
        self._snapshot = redis.register_script(source("snapshot.lua", clock))

    async def snapshots(self, stores: Sequence[str]) -> list[Snapshot | Exception]:
        """Of each store its calls that have not ended, and the state that they belong to, in two round trips for all.

        An exception where one store's can't be read, for instance because somebody else wrote to its keys.
        """
        async with self._redis.pipeline(transaction=False) as pipeline:  # which gives its connection back in any case
            for store in stores:
                await self._snapshot(keys=keys(store), args=[], client=pipeline)
            return [_read(_snapshot_of, answer) for answer in await pipeline.execute(raise_on_error=False)]

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
    epoch, rev, mark = answer
    return Version((epoch or b"").decode(), int(rev or 0), (mark or b"").decode())


def _snapshot_of(answer: Any) -> Snapshot:
    """What `snapshot.lua` answered."""
    epoch, rev, mark, seq, language, notice, *calls = answer
    return Snapshot(
        Version(epoch.decode(), int(rev), mark.decode()),
        int(seq),
        Waiting(language.decode(), notice.decode()) if language else None,
        tuple(
            Call(name.decode(), call_seq, till, spoken.decode(), starts_in_ms, hold_ms, bool(replaces), label.decode())
            for name, call_seq, till, spoken, starts_in_ms, hold_ms, replaces, label in calls
        ),
    )
