"""With several Redis servers, no change that was confirmed is lost if the primary fails, and no other is confirmed."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
from redis.exceptions import RedisError

from cashier_core import timeline, timeline_reader
from cashier_core.call import Policy
from cashier_core.timeline import Receipt, Timeline, Unanswered, has_no_replicas
from cashier_core.timeline_reader import TimelineReader
from cashier_local.ports import wait_until


@pytest.fixture
def calls(redis_group) -> Iterator[Timeline]:
    with timeline.connect(redis_group.url_of("web")) as client:
        yield Timeline(client, copies=1)


def press(calls: Timeline, press_id: str = "", key: str = "") -> Receipt:
    return calls.press(
        "s", 4, "en", idle_language="en", hold_ms=60_000, policy=Policy.QUEUE, press_id=press_id, key=key
    )


def press_id_of(calls: Timeline) -> list[str]:
    return [call.call_id for call in calls.snapshot("s").calls]


def test_a_confirmed_call_survives_if_the_primary_is_killed_for_ever(redis_group, calls) -> None:
    receipt = press(calls)
    primary, port = redis_group.primary(), redis_group.primary_port()
    primary.stop(signal.SIGKILL)
    redis_group.wait_for_another_primary(port)

    assert press_id_of(calls) == [receipt.call_id]
    assert press(calls).seq == receipt.seq + 1


def test_the_same_press_makes_one_call_before_and_after_a_failover(redis_group, calls) -> None:
    receipt = press(calls, press_id="a" * 32)
    port = redis_group.primary_port()
    redis_group.primary().stop(signal.SIGKILL)
    redis_group.wait_for_another_primary(port)

    assert press(calls, press_id="a" * 32).call_id == receipt.call_id
    assert press_id_of(calls) == [receipt.call_id]


def test_a_press_is_not_confirmed_while_no_replica_answers(redis_group, calls) -> None:
    """The second client has a connection of its own, as a second worker process has, and has written nothing."""
    press(calls)
    with timeline.connect(redis_group.url_of("web")) as client:
        other = Timeline(client, copies=1)
        other.snapshot("s")
        for replica in redis_group.replicas():
            replica.kill(signal.SIGSTOP)
        try:
            for process in (calls, other):
                with pytest.raises(Unanswered):
                    press(process, press_id="b" * 32)
            with pytest.raises(Unanswered):
                press(calls, key="k")
            with pytest.raises(Unanswered):
                other.receipt("s", "k", "")
        finally:
            for replica in redis_group.replicas():
                replica.kill(signal.SIGCONT)


def test_a_primary_without_replicas_makes_no_calls(redis_group, calls) -> None:
    """After the lag limit, an isolated primary refuses every press, so its side of the network shows nothing new."""
    press(calls)
    for replica in redis_group.replicas():
        replica.kill(signal.SIGSTOP)

    def refuses() -> bool:
        try:
            press(calls)
        except Unanswered:
            return False
        except RedisError as fault:
            return has_no_replicas(fault)
        return False

    try:
        wait_until(refuses, 20, "the primary refuses a press")
    finally:
        for replica in redis_group.replicas():
            replica.kill(signal.SIGCONT)


def test_a_reader_follows_the_primary(redis_group, calls) -> None:
    async def read_before_and_after() -> tuple[object, object]:
        client = timeline_reader.connect(redis_group.url_of("ws"))
        reader = TimelineReader(client)
        before = await reader.snapshots(["s"])
        await asyncio.to_thread(fail_over)
        after = await reader.snapshots(["s"])
        await client.aclose()
        await client.connection_pool.sentinel_manager.aclose()
        return before[0], after[0]

    def fail_over() -> None:
        port = redis_group.primary_port()
        redis_group.primary().stop(signal.SIGKILL)
        redis_group.wait_for_another_primary(port)

    receipt = press(calls)
    before, after = asyncio.run(read_before_and_after())

    assert before.version == after.version
    assert [call.call_id for call in after.calls] == [receipt.call_id]
