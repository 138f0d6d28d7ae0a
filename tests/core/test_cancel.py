"""A call that is taken back while it waits, a press that comes again, and what is up: on Redis's own clock."""

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


def test_a_call_that_waits_is_taken_back_and_those_behind_it_move_up(timeline) -> None:
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
def test_what_can_not_be_taken_back_says_why_and_changes_nothing(timeline, redis, seq, till, reason) -> None:
    press(timeline, 4)
    press(timeline, 2)
    before = redis.hgetall("cashier:{s}:store"), redis.zrange("cashier:{s}:calls", 0, -1)
    with pytest.raises(reason):
        timeline.cancel("s", seq, till=till)

    assert (redis.hgetall("cashier:{s}:store"), redis.zrange("cashier:{s}:calls", 0, -1)) == before


def test_who_asks_again_because_the_answer_was_lost_is_told_the_same(timeline) -> None:
    press(timeline, 4)
    press(timeline, 2)
    timeline.cancel("s", 2, till=2)
    version = timeline.snapshot("s").version

    timeline.cancel("s", 2, till=2)
    assert timeline.snapshot("s").version == version
    with pytest.raises(WrongTill):
        timeline.cancel("s", 2, till=4)


def test_of_those_that_were_taken_back_as_many_are_known_as_can_wait(timeline) -> None:
    press(timeline, 99)
    for _ in range(30):
        timeline.cancel("s", press(timeline, 1).seq)

    assert len(timeline.snapshot("s").cancelled) == 20
    assert [call.till for call in timeline.snapshot("s").calls] == [99]


def test_a_press_that_comes_again_with_its_key_is_the_same_and_another_one_is_refused(timeline) -> None:
    assert timeline.receipt("s", "a", "4") is None
    first = press(timeline, 4, key="a", payload="4")

    assert press(timeline, 4, key="a", payload="4") == timeline.receipt("s", "a", "4") == first
    with pytest.raises(KeyReused):
        press(timeline, 4, key="a", payload="2")
    with pytest.raises(KeyReused):
        timeline.receipt("s", "a", "2")
    assert [call.till for call in timeline.snapshot("s").calls] == [4]


@pytest.mark.parametrize("answer", ['["called",7,0,1]', '["called",7,0,1,4,"en"]'])
def test_a_key_that_another_version_remembered_is_another_press(timeline, redis, answer) -> None:
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


def test_a_key_that_comes_again_after_its_hour_is_another_call(timeline, redis) -> None:
    for _ in range(2):
        press(timeline, 4, key="a")
        redis.delete("cashier:{s}:press:a")  # as it goes by itself

    first, second = timeline.snapshot("s").calls
    assert first.call_id != second.call_id


def test_of_a_store_that_nobody_has_pressed_in_nothing_is_up(timeline) -> None:
    assert timeline.snapshot("s").calls == ()
