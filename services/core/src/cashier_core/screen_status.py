"""Passes the status of each paired screen from ws to the service tasks, through hashes in Redis.

Each replica has a hash with the status of the screens that are connected to it. The hash expires soon, so that it
disappears if the replica is killed or hangs. A set contains the id of each replica.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

REPLICAS_KEY = "cashier:screens"
"""The key of the set that contains the id of each replica."""
LIFETIME_SECONDS = 15
"""Redis deletes the hash of a replica that has not confirmed it for this time."""
WRITES_FIELD = "writes"
"""A field of each hash, which contains how often the hash was written."""

MOST_PIXELS, MOST_VERSION, MOST_BROWSER = 100_000, 16, 40
"""The largest width or height, and the largest number of characters in the version and in the name of the browser."""


class Sound(StrEnum):
    """Whether a page can play the sound of a call."""

    ON = "on"
    BLOCKED = "blocked"
    """The screen should have sound, but its browser plays none, for example because nobody has touched the page."""
    OFF = "off"
    """The settings of the store or of the screen say that the screen has no sound."""


class PageState(NamedTuple):
    """What the page of a screen reports about itself.

    is_visible: whether the page is in the foreground.
    is_painting: whether the browser paints. It is also True while the page is not visible.
    version: the version of the page, as in the appearance id.
    width, height: the size of the page in CSS pixels.
    browser: the name and the main version of the browser.
    """

    is_visible: bool
    is_painting: bool
    sound: Sound
    version: str
    width: int
    height: int
    browser: str


class Link(StrEnum):
    """What a replica knows about the connection of a screen."""

    NEW = "new"
    """The screen is connected, and its first report is not due yet."""
    REPORTING = "reporting"
    """The page reports its state about once a minute."""
    SILENT = "silent"
    """The screen is connected, but its page has stopped reporting."""
    UNABLE = "unable"
    """The screen is connected, but its page has never reported its state. A page of version 0.1.0 cannot report."""
    CLOSED = "closed"
    """The connection was closed a short time ago."""


class ScreenStatus(NamedTuple):
    """The status of a paired screen on one replica.

    page: the last report of the page, if `link` is REPORTING.
    close_code, closed_at: the close code, and the Unix time of the close in seconds, if `link` is CLOSED.
    """

    link: Link
    page: PageState | None = None
    close_code: int = 0
    closed_at: float = 0.0

    @property
    def rank(self) -> tuple[int, bool]:
        """A sort key. If a screen has several connections, the one with the smallest key counts.

        If people can see calls in one of several tabs, the screen shows calls.
        """
        if self.page:
            shows_calls = self.page.is_visible and self.page.is_painting
            return (0 if shows_calls else 3, self.page.sound == Sound.BLOCKED)
        return {Link.NEW: 1, Link.UNABLE: 2, Link.SILENT: 4}.get(self.link, 5), False

    def to_json(self) -> str:
        """Return the status as the value of a field of a replica's hash."""
        return json.dumps(self, separators=(",", ":"))


@lru_cache(maxsize=1000)
def read_status(text: bytes) -> ScreenStatus:
    """The reverse of `ScreenStatus.to_json`. Raises ValueError or TypeError.

    Most screens of a chain have equal statuses. Therefore the newest ones are cached.
    """
    link, page, close_code, closed_at = json.loads(text)
    return ScreenStatus(Link(link), page and read_page_state(page), int(close_code), float(closed_at))


def read_page_state(values: Sequence[Any]) -> PageState:
    """Check values that come from a page, in the order of the fields. Raises ValueError or TypeError.

    The texts must be short and printable, because the database stores them.
    """
    is_visible, is_painting, sound, version, width, height, browser = values
    are_valid = (
        all(isinstance(each, bool) for each in (is_visible, is_painting))
        and all(type(each) is int and 0 <= each <= MOST_PIXELS for each in (width, height))
        and all(isinstance(each, str) and each.isprintable() for each in (version, browser))
        and len(version) <= MOST_VERSION
        and len(browser) <= MOST_BROWSER
    )
    if not are_valid:
        raise ValueError("this is not the state of a page")
    return PageState(is_visible, is_painting, Sound(sound), version, width, height, browser)


class StatusHash:
    """The hash of one replica. All methods raise redis.RedisError if Redis does not answer."""

    def __init__(self, redis: AsyncRedis, replica: str) -> None:
        """replica: a text that identifies the replica and its start."""
        self._redis, self._replica, self._key = redis, replica, key_of(replica)
        self._writes = 0
        """How often the hash was written. The hash contains this number, too, so that lost writes are noticed."""

    async def replace(self, statuses: Mapping[str, ScreenStatus]) -> None:
        """Write the whole hash anew. statuses: the status of each screen, by the credential id of the screen."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._key)
            self._write(pipeline, statuses)
            pipeline.sadd(REPLICAS_KEY, self._replica)
            await pipeline.execute()

    async def change(self, statuses: Mapping[str, ScreenStatus], removed: Sequence[str]) -> None:
        """Write the status of some screens, and remove other screens."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            self._write(pipeline, statuses)
            if removed:
                pipeline.hdel(self._key, *removed)
            await pipeline.execute()

    async def confirm(self) -> bool:
        """Confirm that the replica is alive. Returns False if Redis has lost a part of the hash."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hget(self._key, WRITES_FIELD)
            pipeline.expire(self._key, LIFETIME_SECONDS)
            pipeline.sadd(REPLICAS_KEY, self._replica)
            writes, *_ = await pipeline.execute()
        return bool(writes == str(self._writes).encode())

    async def remove(self) -> None:
        """Remove the hash, because the replica ends."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._key)
            pipeline.srem(REPLICAS_KEY, self._replica)
            await pipeline.execute()

    def _write(self, pipeline: Any, statuses: Mapping[str, ScreenStatus]) -> None:
        self._writes += 1
        fields = {credential_id: status.to_json() for credential_id, status in statuses.items()}
        pipeline.hset(self._key, mapping={**fields, WRITES_FIELD: self._writes})
        pipeline.expire(self._key, LIFETIME_SECONDS)


@dataclass(frozen=True)
class Statuses:
    """The status of the paired screens on all replicas.

    of_screens: the statuses of each screen, by the primary key of the screen, with which its credential id begins. A
    screen that is connected to two replicas has two statuses.
    replicas: the number of replicas.
    lost: the ids of the replicas that have disappeared without removing their hash.
    invalid: the number of statuses that could not be read.
    """

    of_screens: Mapping[int, list[ScreenStatus]]
    replicas: int
    lost: Sequence[str] = ()
    invalid: int = 0


def read_statuses(redis: Redis) -> Statuses:
    """Read the hashes of all replicas. Raises redis.RedisError if Redis does not answer."""
    replicas = sorted(each.decode() for each in cast(set[bytes], redis.smembers(REPLICAS_KEY)))
    with redis.pipeline(transaction=False) as pipeline:
        for replica in replicas:
            pipeline.hgetall(key_of(replica))
        hashes = dict(zip(replicas, pipeline.execute(), strict=True))
    lost = [replica for replica, fields in hashes.items() if not fields]
    found: dict[int, list[ScreenStatus]] = defaultdict(list)
    invalid = 0
    for name, text in ((name, text) for fields in hashes.values() for name, text in fields.items()):
        if name == WRITES_FIELD.encode():
            continue
        try:
            key, status = int(name.partition(b".")[0]), read_status(text)
        except (ValueError, TypeError):
            invalid += 1
        else:
            found[key].append(status)
    return Statuses(found, len(hashes) - len(lost), lost, invalid)


def forget_replicas(redis: Redis, replicas: Sequence[str]) -> None:
    """Forget replicas that are lost. Raises redis.RedisError if Redis does not answer."""
    if replicas:
        redis.srem(REPLICAS_KEY, *replicas)


def key_of(replica: str) -> str:
    """Return the key of the hash of a replica."""
    return f"{REPLICAS_KEY}:{replica}"
