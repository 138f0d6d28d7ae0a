"""A press schedules a call in Redis, and the cashier gets a receipt.

The tests also cover the limit of the queue, the idle text, and a Redis that does not answer. Most of the tests use the
real clock of Redis.
"""

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from cashier_core import timeline, timeline_reader
from cashier_core.call import Policy
from cashier_core.idle import Idle
from cashier_core.timeline import MAX_QUEUED, QueueFull, Timeline
from cashier_core.timeline_reader import TimelineReader
from cashier_local.ports import free_port


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def press(redis):
    scheduler = Timeline(redis)

    def press(till, policy=Policy.QUEUE, hold_ms=3000, store="s"):
        return scheduler.press(store, till, "en", idle_language="en", hold_ms=hold_ms, policy=policy)

    return press


def test_the_first_press_is_called_and_the_next_waits_for_it(press) -> None:
    first, second = press(4), press(2)

    assert (first.outcome, first.seq, first.starts_in_ms, first.place) == ("called", 1, 0, 1)
    assert (second.outcome, second.seq, second.place) == ("waits", 2, 2)
    assert 2900 <= second.starts_in_ms <= 3000


def test_a_till_with_a_queued_call_is_not_queued_twice(press) -> None:
    press(4)
    queued, again = press(2), press(2)

    assert again.outcome == "waits already"
    assert again.seq == queued.seq


def test_a_till_that_is_shown_and_presses_again_stays_for_another_hold(press) -> None:
    press(4)
    again = press(4)

    assert (again.outcome, again.seq) == ("stays up", 2)
    assert 2900 <= again.starts_in_ms <= 3000


def test_a_till_that_is_shown_and_presses_again_queues_behind_the_queued_calls(press) -> None:
    press(4)
    press(2)

    assert press(4).place == 3


def test_replace_takes_the_screen_at_once(press) -> None:
    press(4)
    press(2)

    assert (press(7, Policy.REPLACE).outcome, press(7).place) == ("called", 2)


def test_the_queue_is_bounded_and_a_refused_press_changes_nothing(press, redis) -> None:
    for till in range(1, MAX_QUEUED + 2):
        press(till)
    before = redis.hgetall("cashier:{s}:store"), redis.zrange("cashier:{s}:calls", 0, -1)

    with pytest.raises(QueueFull):
        press(99)
    assert (redis.hgetall("cashier:{s}:store"), redis.zrange("cashier:{s}:calls", 0, -1)) == before


def test_presses_in_one_store_do_not_affect_another(press) -> None:
    press(4, store="a")

    assert press(2, store="b").outcome == "called"


def test_calls_expire_by_themselves(press, redis) -> None:
    press(4)

    assert 0 < redis.pttl("cashier:{s}:calls") <= 3000 + 60_000


def test_an_emptied_redis_begins_a_new_epoch(press, redis) -> None:
    press(4)
    epoch = redis.hget("cashier:{s}:store", "epoch")
    redis.flushall()

    assert press(4).seq == 1
    assert redis.hget("cashier:{s}:store", "epoch") != epoch


@pytest.mark.anyio
async def test_the_idle_text_is_in_the_snapshot_and_does_not_change_the_calls(press, redis, valkey) -> None:
    press(4)
    Timeline(redis).set_idle({"s": Idle("fr", "Closed")})
    async with timeline_reader.connect(valkey.url) as client:
        (snapshot,) = await TimelineReader(client).snapshots(["s"])

    assert snapshot.idle == Idle("fr", "Closed")
    assert [(call.till, call.language) for call in snapshot.calls] == [(4, "en")]
    assert (snapshot.seq, snapshot.version.rev) == (1, 2)


@pytest.mark.anyio
async def test_a_call_has_the_label_that_was_passed_with_the_press(redis, valkey) -> None:
    Timeline(redis).press("s", 4, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE, label="Pharmacie é")
    async with timeline_reader.connect(valkey.url) as client:
        (snapshot,) = await TimelineReader(client).snapshots(["s"])

    assert [(call.till, call.label) for call in snapshot.calls] == [(4, "Pharmacie é")]


def test_an_unchanged_idle_text_is_not_announced(redis) -> None:
    revs = []
    for idle in (Idle("en"), Idle("en"), Idle("en", "Closed"), Idle("en", "Closed"), Idle("en")):
        Timeline(redis).set_idle({"s": idle})
        revs.append(redis.hget("cashier:{s}:store", "rev"))

    assert revs == [b"1", b"1", b"2", b"2", b"3"]


@pytest.mark.parametrize("policy", Policy)
def test_the_same_press_again_gets_the_same_receipt_and_announces_nothing(redis, policy) -> None:
    scheduler = Timeline(redis)

    def press(till, press_id):
        return scheduler.press("s", till, "en", idle_language="en", hold_ms=3000, policy=policy, press_id=press_id)

    first, other, again = press(4, "first"), press(2, "other"), press(4, "first")

    assert again == first
    assert other.seq == 2
    assert redis.hget("cashier:{s}:store", "rev") == b"2"


def test_a_press_without_redis_fails() -> None:
    scheduler = Timeline(timeline.connect(f"redis://127.0.0.1:{free_port()}/0"))

    with pytest.raises(RedisConnectionError):
        scheduler.press("s", 4, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE)


def test_a_clock_that_is_set_back_does_not_block_the_queue(redis) -> None:
    clock = "local function now_ms() return tonumber(redis.call('GET', 'clock')) end"
    scheduler = Timeline(redis, clock)

    def press(till):
        return scheduler.press("s", till, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE)

    redis.set("clock", 1_700_000_600_000)
    press(4)
    redis.set("clock", 1_700_000_000_000)

    assert (press(2).outcome, press(1).starts_in_ms) == ("called", 3000)
