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
    StatusHash,
    forget_replicas,
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
    "9.2": ScreenStatus(Link.CLOSED, None, 1006, 1_796_000_000.5),
}


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client


async def test_the_statuses_of_all_replicas_are_read_together(redis, valkey) -> None:
    async with connect(valkey.url) as client:
        first, second, third = [StatusHash(client, replica) for replica in ("a", "b", "c")]
        await first.replace(STATUSES)
        await second.replace({"8.1": ScreenStatus(Link.REPORTING, PAGE), "6.1": ScreenStatus(Link.NEW)})
        await third.replace({})
        await second.change({"5.1": ScreenStatus(Link.SILENT)}, ["6.1"])
    found = read_statuses(redis)

    assert (found.replicas, found.lost, found.invalid) == (3, [], 0)
    assert found.of_screens == {
        7: [STATUSES["7.1"]],
        8: [STATUSES["8.1"], ScreenStatus(Link.REPORTING, PAGE)],
        9: [STATUSES["9.2"]],
        5: [ScreenStatus(Link.SILENT)],
    }
    assert 0 < redis.ttl(key_of("a")) <= LIFETIME_SECONDS


async def test_a_replica_that_disappears_is_lost_until_it_is_forgotten_and_one_that_ends_is_not_lost(
    redis, valkey
) -> None:
    async with connect(valkey.url) as client:
        for replica in ("killed", "ends", "stays"):
            await StatusHash(client, replica).replace(STATUSES)
        await StatusHash(client, "ends").remove()
    redis.delete(key_of("killed"))  # Its hash has expired.

    found = read_statuses(redis)
    assert (found.replicas, found.lost) == (1, ["killed"])
    forget_replicas(redis, found.lost)
    found = read_statuses(redis)
    assert (found.replicas, found.lost) == (1, [])


async def test_a_replica_learns_that_redis_has_lost_its_statuses(redis, valkey) -> None:
    async with connect(valkey.url) as client:
        statuses = StatusHash(client, "a")
        await statuses.replace(STATUSES)
        assert await statuses.confirm()
        redis.flushall()
        assert not await statuses.confirm()
        await statuses.replace(STATUSES)
        assert await statuses.confirm()


async def test_a_replica_learns_that_redis_has_lost_its_last_write(redis, valkey) -> None:
    """After a power cut, Redis has lost the writes of the last second."""
    async with connect(valkey.url) as client:
        statuses = StatusHash(client, "a")
        await statuses.replace(STATUSES)
        before = redis.dump(key_of("a"))
        await statuses.change({"7.1": ScreenStatus(Link.NEW)}, [])
        redis.restore(key_of("a"), 0, before, replace=True)

        assert not await statuses.confirm()


async def test_a_change_after_the_hash_has_expired_expires_too(redis, valkey) -> None:
    async with connect(valkey.url) as client:
        statuses = StatusHash(client, "a")
        await statuses.replace(STATUSES)
        redis.flushall()
        await statuses.change({"7.1": ScreenStatus(Link.NEW)}, [])

    assert 0 < redis.ttl(key_of("a")) <= LIFETIME_SECONDS


def test_of_several_connections_the_one_on_which_people_see_calls_counts() -> None:
    showing = PAGE._replace(is_painting=True, sound=Sound.ON)
    best_first = [
        ScreenStatus(Link.REPORTING, showing),
        ScreenStatus(Link.REPORTING, showing._replace(sound=Sound.BLOCKED)),
        ScreenStatus(Link.NEW),
        ScreenStatus(Link.UNABLE),
        ScreenStatus(Link.REPORTING, showing._replace(is_visible=False)),
        ScreenStatus(Link.SILENT),
        ScreenStatus(Link.CLOSED),
    ]

    assert [each.rank for each in best_first] == sorted({each.rank for each in best_first})


def test_statuses_that_are_not_valid_are_counted_and_the_others_are_read(redis) -> None:
    redis.sadd(REPLICAS_KEY, "a")
    bad = ["", "[]", "{", "null", '["reporting",[true],0,0]', '["else",null,0,0]', '["reporting",7,0,0]', b"\xff"]
    fields = {f"{number}.1": text for number, text in enumerate(bad)}
    redis.hset(
        key_of("a"),
        mapping={**fields, "writes": 1, "77.1": STATUSES["7.1"].to_json(), b"\xff": STATUSES["7.1"].to_json()},
    )
    found = read_statuses(redis)

    assert found.of_screens == {77: [STATUSES["7.1"]]}
    assert found.invalid == len(bad) + 1


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
