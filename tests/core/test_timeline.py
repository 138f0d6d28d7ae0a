"""A press schedules a call in Redis, and the cashier gets a receipt.

The tests also cover the limit of the queue, the idle text, and a Redis that does not answer. Most of the tests use the
real clock of Redis.
"""

import json
import os
import signal

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from cashier_core import timeline, timeline_reader
from cashier_core.call import Policy
from cashier_core.history import History
from cashier_core.idle import Idle
from cashier_core.timeline import MAX_QUEUED, QueueFull, Timeline, Unanswered
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


def changes_in_the_history(redis: Redis) -> list[dict]:
    """Return the changes of calls that are in the history, the oldest first."""
    return [change for _id, content in History(redis).entries(10) for change in json.loads(content)]


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

    assert 0 < redis.pttl("cashier:{s}:calls") <= 30 * 86_400_000


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


# Lua code in place of the clock of Redis, which a test sets by writing the key `clock`.
CLOCK = "local function now_ms() return tonumber(redis.call('GET', 'clock')) end"
START = 1_700_000_000_000
HOUR = 3_600_000


class Clocks:
    """The clock of Redis, which a test can set, and the monotonic clock of the processes, which nobody can set."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.passed, self.ahead = redis, 0, 0
        self.set_ahead(0)

    def set_ahead(self, milliseconds: int) -> None:
        self.ahead = milliseconds
        self.redis.set("clock", START + self.passed + milliseconds)

    def wait(self, milliseconds: int) -> None:
        self.passed += milliseconds
        self.set_ahead(self.ahead)

    def timeline(self) -> Timeline:
        """Return the timeline as a new process sees it."""
        return Timeline(self.redis, CLOCK, lambda: self.passed / 1000)


def press_at(timeline, till, **options):
    options = {"hold_ms": 3000, "policy": Policy.QUEUE, **options}
    return timeline.press("s", till, "en", idle_language="en", **options)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 24 * HOUR, -400 * 24 * HOUR, 5000, -300])
@pytest.mark.parametrize("seconds", [0, 0.5, 2], ids=lambda seconds: f"after {seconds} s")
def test_calls_continue_as_if_nothing_had_happened_when_the_clock_of_redis_is_set(redis, jump, seconds) -> None:
    clocks = Clocks(redis)
    web, other_web = clocks.timeline(), clocks.timeline()
    for till in (1, 2, 3):
        press_at(web, till)
    press_at(other_web, 4)
    clocks.set_ahead(jump)
    clocks.wait(int(seconds * 1000))
    web.set_idle({"s": Idle("fr")})

    receipt = press_at(web, 5)
    assert (receipt.outcome, receipt.starts_in_ms) == ("waits", 12_000 - seconds * 1000)
    assert press_at(other_web, 6).starts_in_ms == 15_000 - seconds * 1000
    calls = other_web.snapshot("s").calls
    assert [(call.till, call.starts_in_ms) for call in calls] == [
        (till, 3000 * (till - 1) - seconds * 1000) for till in (1, 2, 3, 4, 5, 6)
    ]


def test_a_press_after_a_jump_that_nobody_noticed_is_called(redis) -> None:
    clocks = Clocks(redis)
    clocks.set_ahead(HOUR)
    for till in (4, 7):
        press_at(clocks.timeline(), till)
    clocks.set_ahead(0)
    clocks.timeline().set_idle({"s": Idle("fr")})
    new_process = clocks.timeline()

    assert new_process.snapshot("s").calls == ()
    assert press_at(new_process, 2).outcome == "called"
    assert [call.till for call in new_process.snapshot("s").calls] == [2]
    outcomes = [(change["mark"], change.get("outcome")) for change in changes_in_the_history(redis)]
    assert [outcome for _mark, outcome in outcomes] == ["shown", "shown", "dropped", "dropped", "shown"]


def test_times_in_the_history_are_times_of_the_clock_of_redis(redis) -> None:
    clocks = Clocks(redis)
    web = clocks.timeline()
    press_at(web, 4)
    clocks.set_ahead(-HOUR)
    press_at(web, 2)

    first, second = changes_in_the_history(redis)
    assert (first["pressed"], first["start"], first["end"]) == (START, START, START + 3000)
    assert (second["pressed"], second["start"]) == (START - HOUR, START - HOUR + 3000)


def test_a_clock_that_is_set_forward_forgets_no_answer_to_a_press(redis) -> None:
    clocks = Clocks(redis)
    web = clocks.timeline()
    first = press_at(web, 4, key="k", payload="{}")
    clocks.set_ahead(HOUR)
    redis.expire("cashier:{s}:press:k", redis.ttl("cashier:{s}:press:k") - 3600)
    press_at(web, 2, key="l", payload="{}")

    assert press_at(web, 4, key="k", payload="{}") == first


def test_a_press_that_redis_executes_after_its_timeout_calls_nobody(redis, valkey) -> None:
    """Redis is stopped, so web answers with an error. Then Redis continues and finds the press in its buffer."""
    web = Timeline(timeline.connect(valkey.url))
    press_at(web, 4)
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        with pytest.raises(Unanswered):
            press_at(web, 2)
    finally:
        os.kill(valkey.pid, signal.SIGCONT)

    assert [call.till for call in web.snapshot("s").calls] == [4]
