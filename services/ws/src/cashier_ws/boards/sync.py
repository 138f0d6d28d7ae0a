"""Keeps all boards of a replica equal to Redis.

This module receives the announcements of changes, and reads snapshots for new boards. Once a second, it repairs the
boards that have missed a change.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from itertools import islice
from math import inf
from typing import Any

from channels.consumer import get_handler_name
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from cashier_core.events import GROUP, BadEvent, Event, Version
from cashier_core.snapshot import Snapshot
from cashier_core.timeline_reader import TimelineReader
from cashier_ws import metrics
from cashier_ws.boards.board import Board
from cashier_ws.boards.revocation import PairedScreens

REPAIR_SECONDS = 1.0
"""The seconds between two turns of the repair.

The time is varied at random by up to a tenth, so that not all replicas ask Redis at the same moment.
"""
TURNS = 60
"""In each turn, a replica asks Redis which stores have changed, and compares one board in `TURNS` with Redis.

So each board is compared with Redis about once a minute. This finds changes that web of version 0.1.0 has made during
an update, because that version does not write to the stream of changes.
"""
LOST_SECONDS = 0.25
"""The seconds between two turns of the repair while Redis does not answer.

When Redis is back, calls may be announced before this replica has subscribed to the events again. The next turn finds
these calls. It must come soon, so this time is shorter than REPAIR_SECONDS.
"""
SUBSCRIBING_SECONDS = 5.0
"""For how long the turns stay close after Redis is back. channels_redis subscribes again within a second or two."""
READS_AT_ONCE = 128
"""The maximum number of timelines that are read from Redis in one batch.

The number is large, because each round trip to Redis takes four iterations of the event loop. These iterations are long
when many screens reconnect at once.
"""
ADOPTED_AT_ONCE = 16
"""The number of snapshots that boards adopt in one iteration of the event loop. This takes about 5 ms."""
FRESH_SECONDS = 2.5
"""If the last successful turn of the repair began more than this number of seconds ago, boards ignore events.

They read snapshots instead.

The replica or its network may then have stopped for a while, and events may arrive late. The durations in an event
count from its publication, so they are wrong if the event arrives late. The durations in a snapshot are right, because
they count from the moment at which the snapshot is read.
"""
PATIENCE_SECONDS = 2.0
"""The timeout in seconds for reading snapshots. After the timeout, boards play the calls that they already know."""

log = logging.getLogger(__name__)


class Sync:
    """Keeps the boards up to date with three loops, which receive events, read snapshots, and repair boards."""

    def __init__(self, boards: Mapping[str, Board], paired_screens: PairedScreens, timeline: TimelineReader) -> None:
        """boards: the board of each store, by slug. The hub adds and removes the boards in this dictionary."""
        self._boards = boards
        self._paired_screens = paired_screens
        self._timeline = timeline
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._is_subscribed = False
        self._unread: dict[Board, None] = {}
        """The boards that need a snapshot, in the order of the requests. Only the keys of the dictionary are used."""
        self._has_unread = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._compared_at = 0.0
        self._turn = 0
        self._must_compare_all = True
        self._redis_is_lost = False
        self._lost_at = -inf
        """When Redis did not answer for the last time, on the event loop's clock."""

    def start(self) -> None:
        """Start the loops that receive events, read snapshots and repair boards.

        Must be called once, on the event loop.
        """
        self._compared_at = asyncio.get_running_loop().time()
        self._channel = f"{self._layer.prefix}.boards.{random.randbytes(8).hex()}"
        for step in (self._listen, self._read, self._repair):
            task = asyncio.create_task(self._repeat(step))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def request_snapshot(self, board: Board) -> None:
        """Read a new snapshot for this board soon.

        If a snapshot of this store is already being read, it may not contain the change that the board has missed.
        Therefore another snapshot is read afterwards.
        """
        self._unread[board] = None
        self._has_unread.set()

    async def _repeat(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Repeat a step forever, even if it fails, because a replica must run for months. Each failure is logged."""
        task = asyncio.current_task()
        # A library may turn the cancellation of this task into another exception.
        while not (task and task.cancelling()):
            try:
                await step()
            except (RedisError, OSError) as fault:
                self._lose_redis(fault)
            except Exception:
                log.exception("fault in a step of %s", step.__name__)

    async def _listen(self) -> None:
        """Receive one event, and pass it to the board of its store.

        Events of all stores arrive on the same channel. The event of a store that has no board here is ignored.
        """
        message = await self._layer.receive(self._channel)
        try:
            event = Event.from_message(message)
        except BadEvent as fault:
            log.warning("message ignored: %s", fault)
            return
        if board := self._boards.get(event.store):
            was_complete = not board.is_behind
            is_fresh = asyncio.get_running_loop().time() - self._compared_at <= FRESH_SECONDS
            if is_fresh:
                getattr(board, get_handler_name(message))(event)
            if not is_fresh or (was_complete and board.is_behind):
                self.request_snapshot(board)

    async def _read(self) -> None:
        """Wait until boards need snapshots. Then read up to `READS_AT_ONCE` snapshots, and let the boards adopt them.

        Before its first read, the replica subscribes to the events. Therefore it gets an event for each change that is
        not in the snapshots. If an event is lost nevertheless, the repair finds the missing change.
        """
        await self._has_unread.wait()
        boards = list(islice(self._unread, READS_AT_ONCE))
        for board in boards:
            del self._unread[board]
        if not self._unread:
            self._has_unread.clear()
        known = [board.version for board in boards]
        metrics.READS.inc(len(boards))
        snapshots: Sequence[Snapshot | Exception]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if not self._is_subscribed:
                    await self._layer.group_add(GROUP, self._channel)
                    self._is_subscribed = True
                snapshots = await self._timeline.snapshots([board.store for board in boards])
        except (RedisError, OSError) as fault:
            self._lose_redis(fault)
            # Reading snapshots for further boards would probably fail, too, and each batch of boards would wait for its
            # own timeout. Therefore all boards that need a snapshot now play the calls that they know. The repair
            # requests their snapshots again.
            boards += self._unread
            self._unread.clear()
            self._has_unread.clear()
            snapshots, known = [fault] * len(boards), [board.version for board in boards]
        read_at = asyncio.get_running_loop().time()
        for number, (board, snapshot, version) in enumerate(zip(boards, snapshots, known, strict=True), start=1):
            # If the hub has removed the board while the snapshot was read, the snapshot is ignored.
            if self._boards.get(board.store) is board:
                self._adopt(board, snapshot, version, read_at)
            if not number % ADOPTED_AT_ONCE:
                await asyncio.sleep(0)

    def _adopt(self, board: Board, snapshot: Snapshot | Exception, known: Version, read_at: float) -> None:
        """Let a board adopt its snapshot. If reading it has failed, the board plays the calls that it knows."""
        try:
            if isinstance(snapshot, Snapshot):
                board.adopt(snapshot, known, read_at)
                # If the board is still behind, it has ignored the snapshot, because it has received a newer event.
                # Therefore another snapshot is requested.
                if board.is_behind:
                    self.request_snapshot(board)
                return
            if not self._redis_is_lost:
                log.warning("the timeline of %s can't be read: %s", board.store, snapshot)
            board.play_without_redis(is_lost=self._redis_is_lost)
        except Exception:  # A fault in one store must not affect other stores.
            log.exception("fault while adopting the timeline of %s", board.store)

    async def _repair(self) -> None:
        """Wait for the next turn. Then ask Redis which stores have changed, and repair the boards that have missed it.

        This is necessary because Redis PubSub does not guarantee that a subscriber gets each message. `changes` returns
        each change only once.
        """
        is_subscribing = asyncio.get_running_loop().time() < self._lost_at + SUBSCRIBING_SECONDS
        period = LOST_SECONDS if self._redis_is_lost or is_subscribing else REPAIR_SECONDS
        await asyncio.sleep(period * random.uniform(0.9, 1.1))
        await self._timeline.check_clock()
        # If a request of this turn fails, the next turn does not get the same changes, and must compare all boards.
        must_compare_all, self._must_compare_all = self._must_compare_all or self._redis_is_lost, True
        # The time is taken before the request. If this process is stopped while it waits for the answer, the versions
        # are old when the process reads them, and announcements from this time are old, too.
        requested_at = asyncio.get_running_loop().time()
        changes = await self._timeline.changes()
        boards = list(self._boards.values())
        self._turn = (self._turn + 1) % TURNS
        compared = boards if must_compare_all or changes is None else boards[self._turn :: TURNS]
        versions = await self._timeline.versions([board.store for board in compared]) if compared else []
        revoked = await self._timeline.revoked()
        self._compared_at = requested_at
        self._must_compare_all = False
        if self._redis_is_lost:
            self._redis_is_lost = False
            log.warning("Redis is back")
        for board, version in zip(compared, versions, strict=True):
            board.is_behind = board.is_behind or version != board.version
        for board in boards:
            # If the snapshot cannot be read, the board stays behind, and the next turn requests a snapshot again.
            board.is_behind = board.is_behind or _has_missed(board.version, (changes or {}).get(board.store))
            if board.is_behind:
                self.request_snapshot(board)
        await self._paired_screens.revoke(revoked)

    def _lose_redis(self, fault: Exception) -> None:
        metrics.REDIS_ERRORS.inc()
        self._lost_at = asyncio.get_running_loop().time()
        if not self._redis_is_lost:
            self._redis_is_lost = True
            log.warning("Redis is lost, boards play on: %s", fault)


def _has_missed(known: Version, newest: Version | None) -> bool:
    """Return whether a board has missed the newest change of its store.

    known: the version of the board. newest: the version of the store after the change; None if the store has not
    changed. The board may already know a later change, whose announcement has arrived since Redis was asked. The same
    rev with another change_id is another change: Redis was restarted without its last writes.
    """
    if newest is None or known == newest:
        return False
    return known.epoch != newest.epoch or known.rev <= newest.rev
