"""Everything that presses store in Redis is limited, and a press that would exceed a limit is refused."""

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from cashier_core import history, timeline
from cashier_core.call import Policy
from cashier_core.timeline import HistoryFull, Timeline, TooManyKeys

ANSWERS, COUNTS = "cashier:answers", "cashier:answers:counts"


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        client.flushall()
        yield client
        client.config_set("maxmemory", "512mb")
        client.flushall()


@pytest.fixture
def press(redis):
    web = Timeline(redis)

    def press(till=4, store="s", **options):
        options = {"payload": "{}"} | options if "key" in options else options
        options = {"policy": Policy.QUEUE, **options}
        return web.press(store, till, "en", idle_language="en", hold_ms=3000, **options)

    return press


def state(redis) -> dict[bytes, bytes]:
    return {key: redis.dump(key) for key in redis.scan_iter()}


def test_a_store_with_too_many_keys_is_refused_and_other_presses_are_not(press, redis, monkeypatch) -> None:
    monkeypatch.setattr(timeline, "MAX_KEYS_OF_STORE", 3)
    receipts = {key: press(key=key) for key in "abc"}
    before = state(redis)
    with pytest.raises(TooManyKeys):
        press(key="d")

    assert state(redis) == before
    assert {key: press(key=key) for key in "abc"} == receipts
    assert press(till=2).outcome == "waits"
    assert press(store="other", key="d").outcome == "called"


def test_a_store_has_room_for_some_keys_even_if_other_stores_have_used_up_the_rest(press, redis, monkeypatch) -> None:
    monkeypatch.setattr(timeline, "MAX_KEYS", 4)
    monkeypatch.setattr(timeline, "RESERVED_KEYS", 2)
    for key in "abcd":
        press(store="flood", key=key)
    with pytest.raises(TooManyKeys):
        press(store="flood", key="e")
    press(store="quiet", key="a")
    press(store="quiet", key="b")

    with pytest.raises(TooManyKeys):
        press(store="quiet", key="c")


def test_the_answers_of_a_store_expire_after_an_hour_and_make_room(press, redis, monkeypatch) -> None:
    monkeypatch.setattr(timeline, "MAX_KEYS_OF_STORE", 3)
    for key in "abc":
        press(key=key)
    for answer in redis.zrange(ANSWERS, 0, -1):
        redis.zincrby(ANSWERS, -3_600_000, answer)
    press(key="d")

    assert redis.hgetall(COUNTS) == {b"s": b"1"}
    assert redis.zrange(ANSWERS, 0, -1) == redis.keys("cashier:{s}:press:*") == [b"cashier:{s}:press:d"]


def test_expired_answers_of_a_store_in_which_nobody_presses_are_deleted_by_presses_of_other_stores(
    press, redis
) -> None:
    for key in "abc":
        press(store="quiet", key=key)
    for answer in redis.zrange(ANSWERS, 0, -1):
        redis.zincrby(ANSWERS, -3_600_000, answer)
    press(key="d")

    assert redis.hgetall(COUNTS) == {b"s": b"1"}
    assert redis.keys("cashier:{quiet}:press:*") == []


def test_of_the_answers_without_a_key_the_oldest_are_deleted(press, redis, monkeypatch) -> None:
    monkeypatch.setattr(timeline, "MAX_ANSWERS", 3)
    for number in range(5):
        press(press_id=f"{number}")

    assert sorted(redis.keys("cashier:{s}:press:*")) == [b"cashier:{s}:press:%d" % number for number in (2, 3, 4)]
    assert redis.llen("cashier:answers:other") == 3


def test_a_press_is_refused_and_nothing_is_lost_if_the_history_is_full(press, redis, monkeypatch) -> None:
    monkeypatch.setattr(history, "MAX_ENTRIES", 2)
    press(1)
    press(2)
    before = state(redis)
    with pytest.raises(HistoryFull):
        press(3)

    assert state(redis) == before
    redis.xtrim(history.KEY, maxlen=1, approximate=False)
    assert press(3).outcome == "waits"


@pytest.mark.parametrize("policy", Policy)
def test_a_press_that_redis_has_no_memory_for_changes_nothing(press, redis, policy) -> None:
    press(1)
    before = state(redis)
    redis.config_set("maxmemory", "1")
    with pytest.raises(OutOfMemoryError):
        press(2, policy=policy)

    redis.config_set("maxmemory", "512mb")
    assert state(redis) == before


def test_a_deleted_store_leaves_no_timeline(press, redis) -> None:
    press(1)
    Timeline(redis).forget("s")

    assert [key for key in redis.scan_iter() if b"{s}" in key and b":press:" not in key] == []
