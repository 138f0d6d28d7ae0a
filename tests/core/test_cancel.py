"""A queued call can be cancelled, and a press that is repeated with the same idempotency key makes no second call.

These tests use the real clock of Redis.
"""

import json

import pytest
from redis import Redis

from cashier_core.call import Policy
from cashier_core.timeline import AlreadyShown, Ambiguous, KeyReused, NotQueued, Timeline, WrongTill


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def timeline(redis) -> Timeline:
    return Timeline(redis)


def press(timeline, till, language="en", **options):
    options = {"hold_ms": 3000, "policy": Policy.QUEUE, **options}
    return timeline.press("s", till, language, idle_language="en", **options)


def test_a_queued_call_is_cancelled_and_the_calls_behind_it_move_up(timeline) -> None:
    receipts = [press(timeline, till) for till in (4, 2, 7, 5)]
    timeline.cancel("s", receipts[1].call_id)

    calls = timeline.snapshot("s").calls
    assert [call.till for call in calls] == [4, 7, 5]
    assert 2900 <= calls[1].starts_in_ms <= 3000
    assert 5900 <= calls[2].starts_in_ms <= 6000
    assert press(timeline, 2).place == 4


@pytest.mark.parametrize(
    ("till_of_call", "till", "reason"),
    [(4, 0, AlreadyShown), (4, 4, AlreadyShown), (0, 0, NotQueued), (2, 4, WrongTill)],
)
def test_a_call_that_cannot_be_cancelled_raises_the_reason_and_changes_nothing(
    timeline, redis, till_of_call, till, reason
) -> None:
    call_ids = {each: press(timeline, each).call_id for each in (4, 2)}
    before = redis.hgetall("cashier:{s}:store"), redis.zrange("cashier:{s}:calls", 0, -1)
    with pytest.raises(reason):
        timeline.cancel("s", call_ids.get(till_of_call, "unknown"), till=till)

    assert (redis.hgetall("cashier:{s}:store"), redis.zrange("cashier:{s}:calls", 0, -1)) == before


def test_cancelling_twice_succeeds_because_an_answer_may_be_lost(timeline) -> None:
    press(timeline, 4)
    call_id = press(timeline, 2).call_id
    timeline.cancel("s", call_id, till=2)
    version = timeline.snapshot("s").version

    timeline.cancel("s", call_id, till=2)
    assert timeline.snapshot("s").version == version
    with pytest.raises(WrongTill):
        timeline.cancel("s", call_id, till=4)


def test_a_cancellation_that_is_repeated_after_a_loss_of_data_cancels_no_other_call(timeline, redis) -> None:
    lost = [press(timeline, till, by="device 7") for till in (4, 2)][1]
    redis.flushall()
    new = [press(timeline, till, by="device 7") for till in (4, 2)][1]
    assert new.seq == lost.seq

    with pytest.raises(NotQueued):
        timeline.cancel("s", lost.call_id)
    with pytest.raises(Ambiguous):
        timeline.cancel_seq("s", lost.seq, by="device 7")
    assert [call.till for call in timeline.snapshot("s").calls] == [4, 2]


def test_a_seq_identifies_a_call_of_the_same_device_if_no_data_were_lost_for_an_hour(timeline, redis) -> None:
    for till in (4, 2, 7):
        press(timeline, till, by="device 7")
    redis.hincrby("cashier:{s}:store", "born", -3_600_000)

    with pytest.raises(NotQueued):
        timeline.cancel_seq("s", 2, by="device 8")
    with pytest.raises(WrongTill):
        timeline.cancel_seq("s", 2, by="device 7", till=4)
    for _ in range(2):
        timeline.cancel_seq("s", 2, by="device 7")
    assert [call.till for call in timeline.snapshot("s").calls] == [4, 7]


def test_a_call_that_version_0_1_0_has_scheduled_can_be_cancelled_by_its_seq(timeline, redis) -> None:
    for till in (4, 2):
        press(timeline, till, by="device 7")
    redis.hincrby("cashier:{s}:store", "born", -3_600_000)
    (call, end) = redis.zrange("cashier:{s}:calls", -1, -1, withscores=True)[0]
    redis.zrem("cashier:{s}:calls", call)
    redis.zadd("cashier:{s}:calls", {json.dumps({k: v for k, v in json.loads(call).items() if k != "by"}): end})

    timeline.cancel_seq("s", 2, by="device 7")
    assert [call.till for call in timeline.snapshot("s").calls] == [4]


def test_as_many_cancelled_calls_are_remembered_as_can_be_queued(timeline) -> None:
    press(timeline, 99)
    for _ in range(30):
        timeline.cancel("s", press(timeline, 1).call_id)

    assert len(timeline.snapshot("s").cancelled) == 20
    assert [call.till for call in timeline.snapshot("s").calls] == [99]


def test_a_repeated_key_returns_the_same_receipt_and_is_refused_with_another_payload(timeline) -> None:
    assert timeline.receipt("s", "a", "4") is None
    first = press(timeline, 4, key="a", payload="4")

    assert press(timeline, 4, key="a", payload="4") == timeline.receipt("s", "a", "4") == first
    with pytest.raises(KeyReused):
        press(timeline, 4, key="a", payload="2")
    with pytest.raises(KeyReused):
        timeline.receipt("s", "a", "2")
    assert [call.till for call in timeline.snapshot("s").calls] == [4]


@pytest.mark.parametrize("answer", ['["called",7,0,1]', '["called",7,0,1,4,"en"]'])
def test_an_answer_stored_by_another_version_counts_as_another_press(timeline, redis, answer) -> None:
    redis.set("cashier:{s}:press:a", answer)

    with pytest.raises(KeyReused):
        timeline.receipt("s", "a", "4")
    with pytest.raises(KeyReused):
        press(timeline, 4, key="a", payload="4")


@pytest.mark.parametrize("options", [{"key": "a"}, {"press_id": "a"}], ids=["key", "press id"])
def test_an_answer_is_stored_for_two_hours_so_that_it_survives_a_clock_that_is_set_forward_by_one_hour(
    timeline, redis, options
) -> None:
    press(timeline, 4, **options)

    assert 7190 <= redis.ttl("cashier:{s}:press:a") <= 7200


def test_an_expired_key_makes_a_new_call(timeline, redis) -> None:
    for _ in range(2):
        press(timeline, 4, key="a")
        # When an idempotency key expires, Redis deletes its entry. This test deletes the entry itself, without waiting.
        redis.delete("cashier:{s}:press:a")

    first, second = timeline.snapshot("s").calls
    assert first.call_id != second.call_id


def test_a_store_without_presses_has_no_calls(timeline) -> None:
    assert timeline.snapshot("s").calls == ()
