"""Commands to screens are read once, in their order, by every replica."""

import pytest
from redis import Redis

from cashier_core.screen_commands import KEY, LIFETIME_SECONDS, Action, CommandReader, ScreenCommand, send_command
from cashier_core.timeline_reader import connect

pytestmark = pytest.mark.anyio

FIRST = ScreenCommand("7.1", Action.IDENTIFY, "Café <1>")
SECOND = ScreenCommand("8.1", Action.RELOAD)


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client


@pytest.fixture
async def reader(valkey, redis):
    """A reader that has read once."""
    async with connect(valkey.url) as client:
        reader = CommandReader(client)
        await reader.new()
        yield reader


async def test_each_reader_gets_each_command_once(valkey, redis, reader) -> None:
    async with connect(valkey.url) as client:
        other = CommandReader(client)
        await other.new()
        send_command(redis, FIRST)
        send_command(redis, SECOND)

        assert [await each.new() for each in (reader, other)] == [[FIRST, SECOND]] * 2
        assert [await each.new() for each in (reader, other)] == [[], []]
    assert 0 < redis.ttl(KEY) <= LIFETIME_SECONDS


async def test_a_replica_that_starts_does_not_obey_old_commands(valkey, redis) -> None:
    send_command(redis, FIRST)
    async with connect(valkey.url) as client:
        reader = CommandReader(client)

        assert await reader.new() == []
        send_command(redis, SECOND)
        assert await reader.new() == [SECOND]


async def test_after_the_stream_has_expired_and_the_clock_was_set_back_commands_are_read(redis, reader) -> None:
    send_command(redis, FIRST)
    await reader.new()
    redis.delete(KEY)
    assert await reader.new() == []
    redis.xadd(KEY, dict(SECOND._asdict()), id="5-1")
    assert await reader.new() == [SECOND]
    redis.delete(KEY)
    redis.xadd(KEY, dict(FIRST._asdict()), id="4-1")
    assert await reader.new() == [FIRST]


async def test_what_is_no_command_is_left_out(redis, reader) -> None:
    redis.xadd(KEY, {"credential_id": "7.1", "action": "explode", "text": ""})
    redis.xadd(KEY, {"something": "else"})
    redis.xadd(KEY, {"credential_id": b"\xff", "action": "test", "text": ""})
    send_command(redis, FIRST)

    assert await reader.new() == [FIRST]
