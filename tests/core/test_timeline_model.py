"""A model test of the timeline and of the boards.

The test makes random presses, with `press.lua` in a real Redis (Valkey) and with a simple model in Python. Redis and
the boards of several replicas must agree with the model about which call is shown at any time, although boards miss
events, the clock of Redis is set, and Redis loses its data or its last writes. The test sets the clocks, so that it
need not wait.
"""

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from cashier_core.call import Call, Policy
from cashier_core.events import REDIS_CHANNEL, Event
from cashier_core.idle import Idle
from cashier_core.lua import OFFSET_KEY, keys
from cashier_core.timeline import MAX_QUEUED, AlreadyShown, QueueFull, Timeline
from cashier_core.timeline_reader import TimelineReader
from cashier_ws.boards.board import Board
from cashier_ws.boards.playlist import Playlist
from cashier_ws.boards.proofs import Proofs

CLOCK = "local function now_ms() return tonumber(redis.call('GET', 'clock')) end"
START = 1_700_000_000_000

# Each press is a tuple: the milliseconds since the press before it, the number of the till, and the hold in
# milliseconds.
presses = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 50), st.integers(0, 4000)),
        st.integers(1, 30),
        st.sampled_from([1000, 3000, 3001]),
    ),
    max_size=60,
)
policies = st.one_of(st.just([Policy.QUEUE]), st.just([Policy.REPLACE]), st.just(list(Policy)))


@dataclass
class ModelCall:
    """A call in the model. It is shown from `start` until just before `end`; both are in milliseconds."""

    seq: int
    till: int
    start: int
    end: int


@dataclass
class Model:
    """A model of a store. It applies the rules for presses ("Policies" in docs/design.md) to a plain list of calls."""

    now: int = START
    seq: int = 0
    calls: list[ModelCall] = field(default_factory=list)
    saved_seq: int = 0
    saved_calls: list[ModelCall] = field(default_factory=list)
    has_lost: bool = False

    def save(self) -> None:
        self.saved_seq, self.saved_calls = self.seq, list(self.calls)

    def roll_back(self) -> None:
        """Return to the calls that were saved."""
        self.has_lost, self.seq, self.calls = True, self.saved_seq, list(self.saved_calls)

    def lose_data(self) -> None:
        self.has_lost, self.seq, self.calls = True, 0, []

    def unended(self) -> list[ModelCall]:
        return [call for call in self.calls if call.end > self.now]

    def press(self, till: int, hold: int, policy: Policy) -> ModelCall | None:
        """Press in the model. Returns the call that the press makes, or the queued call that the till already has.

        Returns None if the press is refused because the queue is full.
        """
        if policy is Policy.REPLACE:
            self.calls, start = [], self.now
        else:
            queued = [call for call in self.unended() if call.start > self.now]
            for call in queued:
                if call.till == till:
                    return call
            if len(queued) >= MAX_QUEUED:
                return None
            start = max([self.now, *(call.end for call in self.unended())])
        self.seq += 1
        self.calls.append(ModelCall(self.seq, till, start, start + hold))
        return self.calls[-1]

    def cancel(self, call: ModelCall) -> None:
        """Remove a queued call. All calls behind it begin earlier, by as much time as the hold of the removed call."""
        at = self.calls.index(call)
        hold = call.end - call.start
        behind = [replace(later, start=later.start - hold, end=later.end - hold) for later in self.calls[at + 1 :]]
        self.calls[at:] = behind

    def shown_seq(self, at: float) -> int:
        """Return the seq of the call that is shown at the time `at`, or 0 if no call is shown at that time."""
        return next((call.seq for call in self.calls if call.start <= at < call.end), 0)


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock the test sets, so that the timers of boards need not wait."""

    now = 0.0

    def time(self) -> float:
        return self.now


def seconds(now: int) -> float:
    """Return the time on the clock of the event loop at which the model's clock shows `now` milliseconds."""
    return (now - START) / 1000


class Replica:
    """One board of the store, and the connection to Redis that keeps the board up to date, as `Sync` does."""

    def __init__(self, redis: AsyncRedis, loop: SteppedLoop) -> None:
        self.board, self.loop = Board("s", Idle("en"), Proofs()), loop
        self.reader = TimelineReader(redis, CLOCK, loop.time)

    def receive(self, events: list[Event]) -> None:
        for event in events:
            self.board.cashier_message(event)

    async def repair(self) -> None:
        """Compare the board with Redis, and read snapshots until the board has the same version."""
        await self.reader.check_clock()
        (version,) = await self.reader.versions(["s"])
        while self.board.is_behind or version != self.board.version:
            known = self.board.version
            (snapshot,) = await self.reader.snapshots(["s"])
            self.board.adopt(snapshot, known, self.loop.time())
            version = snapshot.version

    @property
    def shown_seq(self) -> int:
        return self.board._shown.call.seq if self.board._shown else 0

    async def play_until(self, now: float) -> None:
        """Run all timers of the board that are due at `now` or earlier."""
        while (timer := self.board._timer) and timer.when() <= now + 1e-6:
            self.loop.now = max(self.loop.now, timer.when())
            for _ in range(2):
                await asyncio.sleep(0)


class RealStore:
    """A store in a real Redis, and three replicas that show its calls.

    The test sets the clock of Redis and the monotonic clock of the processes. `replicas` are a replica that gets all
    events, a replica that misses events, and a replica that gets no events and only reads snapshots.
    """

    def __init__(self, url: str, async_redis: AsyncRedis, loop: SteppedLoop) -> None:
        self.redis, self.async_redis, self.loop, self.ahead = Redis.from_url(url), async_redis, loop, 0
        self.redis.flushall()
        self.timeline = Timeline(self.redis, CLOCK, loop.time)
        self.subscription = self.redis.pubsub(ignore_subscribe_messages=True)
        self.subscription.subscribe(REDIS_CHANNEL)
        self.subscription.get_message(timeout=1)
        self.replicas = [Replica(async_redis, loop) for _ in range(3)]
        self.saved: dict[str, bytes] = {}
        self.call_ids: dict[int, str] = {}

    def close(self) -> None:
        self.subscription.close()
        self.redis.close()

    async def set_time(self, now: int) -> None:
        """Set the monotonic clock to `now` milliseconds. Set the clock of Redis to `now` plus `self.ahead`."""
        for replica in self.replicas:
            await replica.play_until(seconds(now))
        self.loop.now = seconds(now)
        self.redis.set("clock", now + self.ahead)

    def new_events(self, count: int) -> list[Event]:
        """Return the events that were published since the last call of this method.

        Waits for at least `count` events, because an event may arrive after Redis has answered the press.
        """
        events = []
        while message := self.subscription.get_message(timeout=5 if len(events) < count else 0):
            events.append(Event.from_message(msgpack.unpackb(message["data"])))
        return events

    def lose_data(self) -> None:
        self.redis.flushall()
        self.redis.set("clock", START + round(self.loop.now * 1000) + self.ahead)

    def save(self) -> None:
        """Remember the data of the store, so that `roll_back` can restore them."""
        self.saved = {key: value for key in [*keys("s"), OFFSET_KEY] if (value := self.redis.dump(key))}

    def roll_back(self) -> None:
        """Restore the data that were saved, as a Redis does that restarts without its last writes."""
        self.redis.delete(*keys("s"), OFFSET_KEY)
        for key, value in self.saved.items():
            self.redis.restore(key, 0, value)


@pytest.fixture(scope="module")
def url(valkey) -> str:
    return valkey.url


FAULTS = ["none", "none", "none", "the clock is set", "data are lost", "the last writes are lost"]
JUMPS = [3_600_000, -3_600_000, 86_400_000, -5000, 5000]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(presses=presses, policies=policies, data=st.data())
def test_redis_and_all_boards_agree_with_the_model(url, presses, policies, data) -> None:
    """At any time, and after each fault, all boards show the call that the model shows."""

    async def run() -> None:
        async with AsyncRedis.from_url(url) as async_redis:
            store = RealStore(url, async_redis, loop)
            try:
                await press_and_compare(store, presses, policies, data)
            finally:
                store.close()

    loop = SteppedLoop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


async def press_and_compare(store: RealStore, presses, policies, data) -> None:
    model = Model()
    await store.set_time(START)
    for gap, till, hold in presses:
        time_between = model.now + data.draw(st.integers(0, gap))
        await store.set_time(time_between)
        for replica in store.replicas:
            await assert_shown(replica, model, time_between)
        model.now += gap
        await store.set_time(model.now)

        await make_fault(store, model, data.draw(st.sampled_from(FAULTS)), data)
        if data.draw(st.booleans()):
            for replica in store.replicas:
                await replica.repair()
        if data.draw(st.integers(0, 4)) == 0:
            model.save()
            store.save()
        events = press_in_both(store, model, till, hold, data.draw(st.sampled_from(policies)))
        if model.unended() and data.draw(st.integers(0, 2)) == 0:
            events += cancel_in_both(store, model, data.draw(st.sampled_from(model.unended())))
        complete, lossy, _blind = store.replicas
        complete.receive(events)
        lossy.receive([event for event in events if data.draw(st.booleans())])

        assert [(call.seq, call.starts_in_ms, call.hold_ms) for call in store.timeline.snapshot("s").calls] == [
            (call.seq, call.start - model.now, call.end - call.start) for call in model.unended()
        ]
        new_replica = Replica(store.async_redis, store.loop)
        for replica in (*store.replicas, new_replica):
            await replica.repair()
            await assert_shown(replica, model, model.now)
        new_replica.board.stop()
    if policies == [Policy.QUEUE] and not model.has_lost:
        assert_calls_do_not_overlap(model.calls)


async def assert_shown(replica: Replica, model: Model, now: int) -> None:
    await replica.play_until(seconds(now) + 0.0005)
    assert replica.shown_seq == model.shown_seq(now + 0.5), "a board shows another call than the model"


async def make_fault(store: RealStore, model: Model, fault: str, data) -> None:
    if fault == "the clock is set":
        store.ahead += data.draw(st.sampled_from(JUMPS))
        await store.set_time(model.now)
    elif fault == "data are lost":
        model.lose_data()
        store.lose_data()
        model.save()
        store.save()
    elif fault == "the last writes are lost":
        model.roll_back()
        store.roll_back()


def press_in_both(store: RealStore, model: Model, till: int, hold: int, policy: Policy) -> list[Event]:
    """Press in Redis and in the model, and compare the receipts. Returns the events that Redis has published."""
    last_seq = model.seq
    expected = model.press(till, hold, policy)
    press = partial(store.timeline.press, "s", till, "en", idle_language="en", hold_ms=hold, policy=policy)
    if expected is None:
        with pytest.raises(QueueFull):
            press()
        assert store.new_events(0) == []
        return []
    receipt = press()
    assert (receipt.seq, receipt.starts_in_ms) == (expected.seq, expected.start - model.now)
    assert receipt.place == model.unended().index(expected) + 1
    store.call_ids[receipt.seq] = receipt.call_id
    events = store.new_events(model.seq - last_seq)
    assert [event.seq for event in events] == [expected.seq] * (model.seq - last_seq)
    return events


def cancel_in_both(store: RealStore, model: Model, call: ModelCall) -> list[Event]:
    """Cancel a call in Redis and in the model. Returns the events that Redis has published."""
    if call.start <= model.now:
        with pytest.raises(AlreadyShown):
            store.timeline.cancel("s", store.call_ids[call.seq])
        return []
    model.cancel(call)
    store.timeline.cancel("s", store.call_ids[call.seq])
    return store.new_events(1)


def assert_calls_do_not_overlap(calls: list[ModelCall]) -> None:
    for earlier, later in pairwise(calls):
        assert earlier.seq < later.seq
        assert earlier.end <= later.start


@settings(max_examples=200, deadline=None)
@given(
    presses=presses,
    delays=st.lists(st.floats(0, 0.3), min_size=60, max_size=60),
    data=st.data(),
)
def test_no_call_is_cut_short_if_announcements_and_timers_are_late(presses, delays, data) -> None:
    """Every call is shown for its whole hold, although its announcement and the board's timer are up to 0.3 s late."""
    model, announcements = Model(now=0), []
    for gap, till, hold in presses:
        model.now += gap
        last_seq = model.seq
        call = model.press(till, hold, Policy.QUEUE)
        if model.seq > last_seq and call:
            announced = Call(str(call.seq), call.seq, till, "en", call.start - model.now, hold)
            announcements.append((model.now / 1000, announced))
    playlist, shown, current, began, now = Playlist(), [], None, 0.0, 0.0
    arrivals = sorted((at + delay, call.seq, call) for (at, call), delay in zip(announcements, delays, strict=False))
    while arrivals or playlist.next_change is not None:
        due = playlist.next_change
        if arrivals and (due is None or arrivals[0][0] <= due):
            at, _, call = arrivals.pop(0)
            now = max(now, at)
            playlist.add("e", call, now)
        else:
            now = max(now, due + data.draw(st.floats(0, 0.3)))
        slot = playlist.play(now)
        if slot is not current:
            if current is not None:
                shown.append((current.call, now - began))
            current, began = slot, now

    assert [call.seq for call, _ in shown] == sorted(call.seq for call, _ in shown)
    assert {call.seq for call, _ in shown} == {call.seq for _, call in announcements}
    for call, seconds in shown:
        assert seconds >= call.hold_ms / 1000 - 1e-9
        assert seconds <= call.hold_ms / 1000 + 0.61
