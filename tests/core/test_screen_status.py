"""The status of a screen passes through Redis unchanged, and statuses that are not valid are counted."""

import pytest
from redis import Redis

from cashier_core.screen_status import (
    LIFETIME_SECONDS,
    REPLICAS_KEY,
    Link,
    PageState,
    ScreenStatus,
    Sound,
    StatusWriter,
    key_of,
    read_page_state,
    read_statuses,
)
from cashier_core.timeline_reader import connect

pytestmark = pytest.mark.anyio

PAGE = PageState(True, False, Sound.BLOCKED, "ab12cd34", 1920, 1080, "Chrome 142")
STATUSES = {
    "7.1": ScreenStatus(Link.REPORTING, PAGE),
    "8.1": ScreenStatus(Link.NEW),
    "9.2": ScreenStatus(Link.CLOSED, close_code=1006),
}


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client


async def test_the_statuses_of_all_replicas_are_read_together(redis, valkey) -> None:
    async with connect(valkey.url) as client:
        await StatusWriter(client, "a").replace(STATUSES)
        await StatusWriter(client, "b").replace({"8.1": ScreenStatus(Link.REPORTING, PAGE)})
        await StatusWriter(client, "c").replace({})
        await StatusWriter(client, "b").change({"5.1": ScreenStatus(Link.SILENT)})
    found = read_statuses(redis)

    assert (found.replicas, found.lost, found.invalid) == (3, 0, 0)
    assert found.of_screens == {
        "7.1": [STATUSES["7.1"]],
        "8.1": [STATUSES["8.1"], ScreenStatus(Link.REPORTING, PAGE)],
        "9.2": [STATUSES["9.2"]],
        "5.1": [ScreenStatus(Link.SILENT)],
    }
    assert 0 < redis.ttl(key_of("a")) <= LIFETIME_SECONDS


async def test_a_replica_that_disappears_is_lost_once_and_one_that_ends_is_not_lost(redis, valkey) -> None:
    async with connect(valkey.url) as client:
        for replica in ("killed", "ends", "stays"):
            await StatusWriter(client, replica).replace(STATUSES)
        await StatusWriter(client, "ends").remove()
    redis.delete(key_of("killed"))  # Its hash has expired.

    assert [(found.replicas, found.lost) for found in (read_statuses(redis), read_statuses(redis))] == [(1, 1), (1, 0)]


async def test_a_replica_learns_that_redis_has_lost_its_statuses(redis, valkey) -> None:
    async with connect(valkey.url) as client:
        writer = StatusWriter(client, "a")
        await writer.replace(STATUSES)
        assert await writer.confirm()
        redis.flushall()
        await writer.change({"7.1": ScreenStatus(Link.NEW)})

        assert not await writer.confirm(), "the hash contains only one of the screens"
        assert redis.ttl(key_of("a")) > 0, "what was written must expire, too"


def test_statuses_that_are_not_valid_are_counted_and_the_others_are_read(redis) -> None:
    redis.sadd(REPLICAS_KEY, "a")
    bad = ["", "[]", "{", "null", '["reporting",[true],0]', '["else",null,0]', '["reporting",7,0]', b"\xff"]
    fields = {f"{number}.1": text for number, text in enumerate(bad)}
    redis.hset(key_of("a"), mapping={**fields, "alive": "", "77.1": STATUSES["7.1"].to_json()})
    found = read_statuses(redis)

    assert found.of_screens == {"77.1": [STATUSES["7.1"]]}
    assert found.invalid == len(bad)


@pytest.mark.parametrize(
    "changed",
    [
        {"is_visible": 1},
        {"is_painting": None},
        {"sound": "loud"},
        {"sound": []},
        {"version": "x" * 17},
        {"version": "a\0"},
        {"width": True},
        {"width": -1},
        {"height": 100_001},
        {"height": 1080.5},
        {"browser": "x" * 41},
        {"browser": "\ud800"},
        {"browser": ["Chrome"]},
    ],
)
def test_values_that_no_page_reports_are_refused(changed) -> None:
    assert read_page_state(PAGE) == PAGE
    with pytest.raises(ValueError, match=r"state of a page|valid Sound"):
        read_page_state(PAGE._replace(**changed))
