"""A replica learns from the stream of changes which stores have changed since it asked last."""

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from cashier_core import timeline_reader
from cashier_core.call import Policy
from cashier_core.idle import Idle
from cashier_core.lua import CHANGES_KEY
from cashier_core.timeline import Timeline
from cashier_core.timeline_reader import TimelineReader

pytestmark = pytest.mark.anyio


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def web(redis) -> Timeline:
    return Timeline(redis)


@pytest.fixture
async def reader(valkey):
    async with timeline_reader.connect(valkey.url) as client:
        yield TimelineReader(client)


def press(web: Timeline, store: str, till: int = 4):
    return web.press(store, till, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE)


async def test_each_change_is_read_once_with_the_version_after_it(web, reader) -> None:
    press(web, "a")
    assert await reader.changes() is None, "at the first call, it is not known what has changed"
    assert await reader.changes() == {}

    press(web, "a", 5)
    press(web, "b")
    web.cancel("a", press(web, "a", 6).call_id)
    web.set_idle({"c": Idle("fr")})
    changes = await reader.changes()

    assert sorted(changes) == ["a", "b", "c"]
    assert list(changes.values()) == await reader.versions(list(changes))
    assert await reader.changes() == {}


async def test_a_store_in_which_nothing_changes_is_not_in_the_changes(web, reader) -> None:
    press(web, "a")
    await reader.changes()
    web.set_idle({"a": Idle("en")})
    press(web, "b")

    assert list(await reader.changes()) == ["b"]


@pytest.mark.parametrize("lose", ["all data", "the last changes", "old changes"])
async def test_if_redis_has_lost_changes_all_stores_must_be_compared(redis, web, reader, lose) -> None:
    press(web, "a")
    press(web, "b")
    await reader.changes()
    if lose == "all data":
        redis.flushall()
        press(web, "a")
    elif lose == "the last changes":
        redis.xdel(CHANGES_KEY, redis.xrevrange(CHANGES_KEY, count=1)[0][0])
    else:
        press(web, "b")
        redis.xtrim(CHANGES_KEY, maxlen=1, approximate=False)

    assert await reader.changes() is None
    press(web, "c")
    assert list(await reader.changes()) == ["c"]


async def test_while_there_are_no_changes_at_all_the_stores_must_be_compared(redis, web, reader) -> None:
    assert await reader.changes() is None
    assert await reader.changes() is None
    press(web, "a")
    assert await reader.changes() is None

    assert await reader.changes() == {}


async def test_after_more_changes_than_are_read_at_once_all_stores_must_be_compared(web, reader, monkeypatch) -> None:
    monkeypatch.setattr(timeline_reader, "MAX_CHANGES", 3)
    press(web, "a")
    await reader.changes()
    for store in "bcd":
        press(web, store)

    assert await reader.changes() is None
    assert await reader.changes() == {}


async def test_after_a_restart_of_redis_all_stores_must_be_compared(valkey, web, reader) -> None:
    """Redis may have lost its last writes, while the last change that the reader knows is still there."""
    press(web, "a")
    await reader.changes()
    assert await reader.changes() == {}
    valkey.stop()
    valkey.start()

    assert await reader.changes() is None
    assert await reader.changes() == {}


async def test_the_stream_of_changes_stays_small(redis, valkey, web, reader) -> None:
    async with AsyncRedis.from_url(valkey.url) as client, client.pipeline(transaction=False) as pipeline:
        for number in range(12_000):
            pipeline.xadd(CHANGES_KEY, {"store": "x", "epoch": "e", "rev": number, "mark": "m"})
        await pipeline.execute()
    press(web, "a")

    # XADD deletes only whole nodes of the stream, which have about 100 entries.
    assert redis.xlen(CHANGES_KEY) < 10_200


async def test_after_an_entry_that_cannot_be_read_all_stores_must_be_compared(redis, web, reader) -> None:
    press(web, "a")
    await reader.changes()
    press(web, "b")
    redis.xadd(CHANGES_KEY, {"other": "program"})

    assert await reader.changes() is None
    assert await reader.changes() == {}
