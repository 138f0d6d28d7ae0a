"""The timelines of many stores are read together.

If one store's data in Redis is bad, the other stores are still read. If Redis refuses to answer, the read fails for all
stores.
"""

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from cashier_core import timeline_reader
from cashier_core.call import Policy
from cashier_core.events import Version
from cashier_core.lua import keys
from cashier_core.snapshot import Snapshot
from cashier_core.timeline import Timeline
from cashier_core.timeline_reader import TimelineReader

pytestmark = pytest.mark.anyio
FOREIGN_VALUES = {
    "of another type": lambda redis, key: redis.set(key, "somebody else's"),
    "with a rev that is no number": lambda redis, key: redis.hset(key, "rev", "x"),
    "with a mark that is no text": lambda redis, key: redis.hset(key, "mark", b"\xff"),
}


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        scheduler = Timeline(client)
        for store in ("a", "a", "b"):
            scheduler.press(store, 4, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE)
        yield client


@pytest.fixture
async def client(valkey):
    async with timeline_reader.connect(valkey.url) as client:
        yield client


@pytest.fixture
def limited(redis, valkey):
    """Return a function that creates a Redis user with the given ACL rules, and returns the URL for this user.

    The URL limits the connection pool of the client to one connection. So a read that does not return its connection to
    the pool is noticed, because the next read fails.
    """

    def limit(*rules: str) -> str:
        redis.execute_command("ACL", "SETUSER", "reader", "on", "nopass", *rules)
        return valkey.url.replace("//", "//reader:any@") + "?max_connections=1"

    yield limit
    redis.acl_deluser("reader")


async def test_versions_of_many_stores_are_read_together(redis, client) -> None:
    versions = await TimelineReader(client).versions(["a", "b", "unknown"])

    assert [version.rev for version in versions] == [2, 1, 0]
    assert versions[2] == Version()


@pytest.mark.parametrize("write_foreign_value", FOREIGN_VALUES.values(), ids=FOREIGN_VALUES)
async def test_a_foreign_value_in_one_timeline_does_not_affect_the_others(redis, client, write_foreign_value) -> None:
    redis.delete(*keys("b"))
    write_foreign_value(redis, keys("b")[0])
    timelines = TimelineReader(client)
    versions, snapshots = await timelines.versions(["b", "a"]), await timelines.snapshots(["b", "a"])

    assert await timelines.versions(["b"]) == [Version()]
    assert versions[0] == Version()
    assert versions[1].rev == 2
    assert isinstance(snapshots[0], Exception)
    assert isinstance(snapshots[1], Snapshot)


async def test_a_fault_that_concerns_all_stores_is_raised(limited) -> None:
    # The Redis user may run all commands, but may not read any key. So Redis refuses to read the timelines.
    async with timeline_reader.connect(limited("+@all")) as client:
        with pytest.raises(NoPermissionError):
            await TimelineReader(client).versions(["a", "b"])


async def test_a_failed_read_returns_its_connection_to_the_pool(limited) -> None:
    async with timeline_reader.connect(limited("+@all", "allkeys", "-script|exists")) as client:
        timelines = TimelineReader(client)
        with pytest.raises(NoPermissionError):
            await timelines.snapshots(["a"])
        limited("+script|exists")
        (snapshot,) = await timelines.snapshots(["a"])

    assert isinstance(snapshot, Snapshot)
