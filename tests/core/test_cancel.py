"""A queued call can be cancelled, and a press that is repeated with the same idempotency key makes no second call.

These tests use the real clock of Redis.
"""

import pytest
from redis import Redis

from cashier_core.call import Policy
from cashier_core.timeline import AlreadyShown, KeyReused, NotQueued, Timeline, WrongTill


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
    for till in (4, 2, 7, 5):
        press(timeline, till)
    timeline.cancel("s", 2)

    calls = timeline.snapshot("s").calls
    assert [call.till for call in calls] == [4, 7, 5]
    assert 2900 <= calls[1].starts_in_ms <= 3000
    assert 5900 <= calls[2].starts_in_ms <= 6000
    assert press(timeline, 2).place == 4


@pytest.mark.parametrize(
    ("seq", "till", "reason"),
    [
        (1, 0, AlreadyShown),
        (1, 4, AlreadyShown),
        (9, 0, NotQueued),
        (0, 0, NotQueued),
        (-1, 0, NotQueued),
        (2, 4, WrongTill),
    ],
)
def test_a_call_that_cannot_be_cancelled_raises_the_reason_and_changes_nothing(
    timeline, redis, seq, till, reason
) -> None:
    press(timeline, 4)
    press(timeline, 2)
    before = redis.hgetall("cashier:{s}:store"), redis.zrange("cashier:{s}:calls", 0, -1)
    with pytest.raises(reason):
        timeline.cancel("s", seq, till=till)

    assert (redis.hgetall("cashier:{s}:store"), redis.zrange("cashier:{s}:calls", 0, -1)) == before


def test_cancelling_twice_succeeds_because_an_answer_may_be_lost(timeline) -> None:
    press(timeline, 4)
    press(timeline, 2)
    timeline.cancel("s", 2, till=2)
    version = timeline.snapshot("s").version

    timeline.cancel("s", 2, till=2)
    assert timeline.snapshot("s").version == version
    with pytest.raises(WrongTill):
        timeline.cancel("s", 2, till=4)


def test_as_many_cancelled_calls_are_remembered_as_can_be_queued(timeline) -> None:
    press(timeline, 99)
    for _ in range(30):
        timeline.cancel("s", press(timeline, 1).seq)

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


@pytest.mark.parametrize(
    ("options", "seconds"), [({"key": "a"}, 3600), ({"press_id": "a"}, 60)], ids=["key", "press id"]
)
def test_a_press_is_remembered_for_a_minute_and_with_a_key_for_an_hour(timeline, redis, options, seconds) -> None:
    press(timeline, 4, **options)

    assert seconds - 10 <= redis.ttl("cashier:{s}:press:a") <= seconds


def test_an_expired_key_makes_a_new_call(timeline, redis) -> None:
    for _ in range(2):
        press(timeline, 4, key="a")
        # When an idempotency key expires, Redis deletes its entry. This test deletes the entry itself, without waiting.
        redis.delete("cashier:{s}:press:a")

    first, second = timeline.snapshot("s").calls
    assert first.call_id != second.call_id


def test_a_store_without_presses_has_no_calls(timeline) -> None:
    assert timeline.snapshot("s").calls == ()
