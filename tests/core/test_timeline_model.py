"""The scheduling script against a model: random presses on a real Valkey, on a clock that the test turns.

What a replica's playlist shows is compared with both, so that model, Redis and board agree at any moment.
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

presses = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 50), st.integers(0, 4000)),  # ms since the press before
        st.integers(1, 30),  # till
        st.sampled_from([1000, 3000, 3001]),  # hold in ms
    ),
    max_size=60,
)
policies = st.one_of(st.just([Policy.QUEUE]), st.just([Policy.REPLACE]), st.just(list(Policy)))


@dataclass
class Up:
    """A call in the model: up in [start, end)."""

    seq: int
    till: int
    start: int
    end: int


@dataclass
class Model:
    """What design §4 says, with nothing but a list."""

    now: int = START
    seq: int = 0
    calls: list[Up] = field(default_factory=list)

    def unended(self) -> list[Up]:
        return [call for call in self.calls if call.end > self.now]

    def press(self, till: int, hold: int, policy: Policy) -> Up | None:
        """The call that the press led to or found waiting; None if it is refused."""
        if policy is Policy.REPLACE:
            self.calls, start = [], self.now
        else:
            waiting = [call for call in self.unended() if call.start > self.now]
            for call in waiting:
                if call.till == till:
                    return call
            if len(waiting) >= MAX_QUEUED:
                return None
            start = max([self.now, *(call.end for call in self.unended())])
        self.seq += 1
        self.calls.append(Up(self.seq, till, start, start + hold))
        return self.calls[-1]

    def cancel(self, call: Up) -> None:
        """Take it back; those behind it move up."""
        at = self.calls.index(call)
        hold = call.end - call.start
        behind = [replace(later, start=later.start - hold, end=later.end - hold) for later in self.calls[at + 1 :]]
        self.calls[at:] = behind

    def up(self, at: float) -> int:
        """Seq of the call that is up; 0 if none is."""
        return next((call.seq for call in self.calls if call.start <= at < call.end), 0)


class Stage:
    """A store in Redis, its turned clock, what is announced of it, and a playlist that hears it."""

    def __init__(self, url: str, now: int) -> None:
        self.url, self.redis = url, Redis.from_url(url)
        self.redis.flushall()
        self.timeline = Timeline(self.redis, CLOCK)
        self.heard = self.redis.pubsub(ignore_subscribe_messages=True)
        self.heard.subscribe(REDIS_CHANNEL)
        self.heard.get_message(timeout=1)
        self.playlist, self.deaf = Playlist(), Playlist()  # the second reads snapshots, as a board that is repaired
        self.turn(now)

    def close(self) -> None:
        self.heard.close()
        self.redis.close()

    def turn(self, now: int) -> None:
        """Let the playlists live every change until `now`, as a board's timer does."""
        for playlist in (self.playlist, self.deaf):
            while (due := playlist.next_change) is not None and due <= now / 1000 + 1e-6:
                playlist.play(due)
                if playlist.next_change == due:
                    break
        self.redis.set("clock", now)

    def announced(self, count: int) -> list[Event]:
        """What was announced since the last time; waits for `count`, which may come after the press's own answer."""
        events = []
        while message := self.heard.get_message(timeout=5 if len(events) < count else 0):
            events.append(Event.from_message(msgpack.unpackb(message["data"])))
        return events

    def repair(self, snapshot: Snapshot, now: int) -> None:
        for mark in snapshot.cancelled:
            self.deaf.cancel(mark)
        for call in snapshot.calls:
            self.deaf.add(snapshot.version.epoch, call, now / 1000)

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
def test_redis_behaves_like_the_model_and_a_playlist_shows_it(url, presses, policies, data) -> None:
    model, stage = Model(), Stage(url, START)
    try:
        for gap, till, hold in presses:
            policy = data.draw(st.sampled_from(policies))
            between = model.now + data.draw(st.integers(0, gap))
            stage.turn(between)
            slot = stage.playlist.play(between / 1000 + 0.0005)
            assert (slot.call.seq if slot else 0) == model.up(between + 0.5), "between two presses"

            model.now += gap
            stage.turn(model.now)
            before = model.seq
            expected = model.press(till, hold, policy)
            if expected is None:
                with pytest.raises(QueueFull):
                    stage.timeline.press("s", till, "en", idle_language="en", hold_ms=hold, policy=policy)
                assert stage.announced(0) == []
            else:
                receipt = stage.timeline.press("s", till, "en", idle_language="en", hold_ms=hold, policy=policy)
                assert (receipt.seq, receipt.starts_in_ms) == (expected.seq, expected.start - model.now)
                assert receipt.place == model.unended().index(expected) + 1
                events = stage.announced(model.seq - before)
                assert [event.seq for event in events] == [expected.seq] * (model.seq - before)
                for event in events:
                    stage.playlist.add(event.version.epoch, event.call, model.now / 1000)

            if model.unended() and data.draw(st.integers(0, 2)) == 0:
                taken = data.draw(st.sampled_from(model.unended()))
                if taken.start <= model.now:
                    with pytest.raises(AlreadyShown):
                        stage.timeline.cancel("s", taken.seq)
                else:
                    model.cancel(taken)
                    stage.timeline.cancel("s", taken.seq)
                    (event,) = stage.announced(1)
                    stage.playlist.cancel(event.cancels)

            snapshot = stage.snapshot()
            stage.repair(snapshot, model.now)
            assert [(call.seq, call.starts_in_ms, call.hold_ms) for call in snapshot.calls] == [
                (call.seq, call.start - model.now, call.end - call.start) for call in model.unended()
            ]
            newcomer = Playlist()
            for call in snapshot.calls:
                newcomer.add(snapshot.version.epoch, call, model.now / 1000)
            for playlist in (stage.playlist, newcomer, stage.deaf):
                slot = playlist.play(model.now / 1000 + 0.0005)
                assert (slot.call.seq if slot else 0) == model.up(model.now + 0.5)
        if policies == [Policy.QUEUE]:
            assert_nothing_overlaps(model.calls)
    finally:
        stage.close()


def assert_nothing_overlaps(calls: list[Up]) -> None:
    for earlier, later in pairwise(calls):
        assert earlier.seq < later.seq
        assert earlier.end <= later.start


@settings(max_examples=200, deadline=None)
@given(
    presses=presses,
    late=st.lists(st.floats(0, 0.3), min_size=60, max_size=60),
    data=st.data(),
)
def test_no_call_is_cut_short_if_announcements_and_timers_are_late(presses, late, data) -> None:
    """Announcements arrive up to 0.3 s late and the timer fires up to 0.3 s late: every hold is still whole."""
    model, news = Model(now=0), []
    for gap, till, hold in presses:
        model.now += gap
        before = model.seq
        call = model.press(till, hold, Policy.QUEUE)
        if model.seq > before and call:
            told = Call(str(call.seq), call.seq, till, "en", call.start - model.now, hold)
            news.append((model.now / 1000, told))
    playlist, shown, up, began, now = Playlist(), [], None, 0.0, 0.0
    arrivals = sorted((at + delay, call.seq, call) for (at, call), delay in zip(news, late, strict=False))
    while arrivals or playlist.next_change is not None:
        due = playlist.next_change
        if arrivals and (due is None or arrivals[0][0] <= due):
            at, _, call = arrivals.pop(0)
            now = max(now, at)
            playlist.add("e", call, now)
        else:
            now = max(now, due + data.draw(st.floats(0, 0.3)))
        slot = playlist.play(now)
        if slot is not up:
            if up is not None:
                shown.append((up.call, now - began))
            up, began = slot, now

    assert [call.seq for call, _ in shown] == sorted(call.seq for call, _ in shown)
    assert {call.seq for call, _ in shown} == {call.seq for _, call in news}
    for call, seconds in shown:
        assert seconds >= call.hold_ms / 1000 - 1e-9
        assert seconds <= call.hold_ms / 1000 + 0.61
