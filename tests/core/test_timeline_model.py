"""A model test of the timeline and of the playlist.

The test makes random presses, with `press.lua` in a real Redis (Valkey) and with a simple model in Python. Redis and
the playlist of a replica must agree with the model about which call is shown at any time. The test sets the clock, so
that it need not wait.
"""

import asyncio
from dataclasses import dataclass, field, replace
from itertools import pairwise

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from cashier_core.call import Call, Policy
from cashier_core.events import REDIS_CHANNEL, Event
from cashier_core.snapshot import Snapshot
from cashier_core.timeline import MAX_QUEUED, AlreadyShown, QueueFull, Timeline
from cashier_core.timeline_reader import TimelineReader
from cashier_ws.boards.playlist import Playlist

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


class RealStore:
    """A store in a real Redis, the events of the store, and two playlists of its calls.

    The test sets the time that Redis uses for the store.
    """

    def __init__(self, url: str, now: int) -> None:
        self.url, self.redis = url, Redis.from_url(url)
        self.redis.flushall()
        self.timeline = Timeline(self.redis, CLOCK)
        self.subscription = self.redis.pubsub(ignore_subscribe_messages=True)
        self.subscription.subscribe(REDIS_CHANNEL)
        self.subscription.get_message(timeout=1)
        # `playlist` gets every event, as on a board that misses no announcement. `repaired_playlist` gets only
        # snapshots, as on a board that misses all announcements and is corrected by the repair.
        self.playlist, self.repaired_playlist = Playlist(), Playlist()
        self.set_clock(now)

    def close(self) -> None:
        self.subscription.close()
        self.redis.close()

    def set_clock(self, now: int) -> None:
        """Set the clock of Redis to `now`.

        Before that, let both playlists play the calls that begin or end until `now`, as the timer of a board does.
        """
        for playlist in (self.playlist, self.repaired_playlist):
            while (due := playlist.next_change) is not None and due <= now / 1000 + 1e-6:
                playlist.play(due)
                if playlist.next_change == due:
                    break
        self.redis.set("clock", now)

    def new_events(self, count: int) -> list[Event]:
        """Return the events that were published since the last call of this method.

        Waits for at least `count` events, because an event may arrive after Redis has answered the press.
        """
        events = []
        while message := self.subscription.get_message(timeout=5 if len(events) < count else 0):
            events.append(Event.from_message(msgpack.unpackb(message["data"])))
        return events

    def repair(self, snapshot: Snapshot, now: int) -> None:
        for call_id in snapshot.cancelled:
            self.repaired_playlist.cancel(call_id)
        for call in snapshot.calls:
            self.repaired_playlist.add(snapshot.version.epoch, call, now / 1000)

    def snapshot(self) -> Snapshot:
        async def read() -> Snapshot:
            async with AsyncRedis.from_url(self.url) as redis:
                return (await TimelineReader(redis, CLOCK).snapshots(["s"]))[0]

        return asyncio.run(read())


@pytest.fixture(scope="module")
def url(valkey) -> str:
    return valkey.url


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(presses=presses, policies=policies, data=st.data())
def test_redis_and_the_playlists_agree_with_the_model(url, presses, policies, data) -> None:
    model, store = Model(), RealStore(url, START)
    try:
        for gap, till, hold in presses:
            policy = data.draw(st.sampled_from(policies))
            time_between = model.now + data.draw(st.integers(0, gap))
            store.set_clock(time_between)
            slot = store.playlist.play(time_between / 1000 + 0.0005)
            assert (slot.call.seq if slot else 0) == model.shown_seq(time_between + 0.5), (
                "the playlist shows another call than the model between two presses"
            )

            model.now += gap
            store.set_clock(model.now)
            last_seq = model.seq
            expected = model.press(till, hold, policy)
            if expected is None:
                with pytest.raises(QueueFull):
                    store.timeline.press("s", till, "en", idle_language="en", hold_ms=hold, policy=policy)
                assert store.new_events(0) == []
            else:
                receipt = store.timeline.press("s", till, "en", idle_language="en", hold_ms=hold, policy=policy)
                assert (receipt.seq, receipt.starts_in_ms) == (expected.seq, expected.start - model.now)
                assert receipt.place == model.unended().index(expected) + 1
                events = store.new_events(model.seq - last_seq)
                assert [event.seq for event in events] == [expected.seq] * (model.seq - last_seq)
                for event in events:
                    store.playlist.add(event.version.epoch, event.call, model.now / 1000)

            if model.unended() and data.draw(st.integers(0, 2)) == 0:
                cancelled = data.draw(st.sampled_from(model.unended()))
                if cancelled.start <= model.now:
                    with pytest.raises(AlreadyShown):
                        store.timeline.cancel("s", cancelled.seq)
                else:
                    model.cancel(cancelled)
                    store.timeline.cancel("s", cancelled.seq)
                    (event,) = store.new_events(1)
                    store.playlist.cancel(event.cancels)

            snapshot = store.snapshot()
            store.repair(snapshot, model.now)
            assert [(call.seq, call.starts_in_ms, call.hold_ms) for call in snapshot.calls] == [
                (call.seq, call.start - model.now, call.end - call.start) for call in model.unended()
            ]
            new_playlist = Playlist()
            for call in snapshot.calls:
                new_playlist.add(snapshot.version.epoch, call, model.now / 1000)
            for playlist in (store.playlist, new_playlist, store.repaired_playlist):
                slot = playlist.play(model.now / 1000 + 0.0005)
                assert (slot.call.seq if slot else 0) == model.shown_seq(model.now + 0.5)
        if policies == [Policy.QUEUE]:
            assert_calls_do_not_overlap(model.calls)
    finally:
        store.close()


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
