"""Keeps all boards of a replica equal to Redis: receives announcements, reads snapshots, repairs what was missed."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from itertools import islice
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
"""Time between two comparisons of all boards with Redis. It varies by a tenth, so that replicas do not ask at once."""
LOST_SECONDS = 0.25
"""The same while Redis is lost. It is shorter because calls that are made at the moment when Redis returns may be
announced before this replica has subscribed again."""
READS_AT_ONCE = 128
"""Timelines that are read in one round trip. When a crowd of screens comes back, a round trip takes four long
iterations of the event loop."""
ADOPTED_AT_ONCE = 16
"""Snapshots that are adopted in one iteration of the event loop: some 5 ms of work."""
FRESH_SECONDS = 2.5
"""An announcement that is received longer than this after the last comparison may be old, because the process or its
network has stood still. The durations in an announcement count from the moment at which it was published. The board
therefore reads a snapshot instead, whose durations count from the moment of reading."""
PATIENCE_SECONDS = 2.0
"""If Redis does not answer for this long, boards play what they know."""

log = logging.getLogger(__name__)


class Sync:
    """One subscription, one reader and one repair loop for all boards of this replica."""

    def __init__(self, boards: Mapping[str, Board], paired_screens: PairedScreens, timeline: TimelineReader) -> None:
        """boards: by store; the hub adds and removes boards while the synchronisation runs."""
        self._boards = boards
        self._paired_screens = paired_screens
        self._timeline = timeline
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._is_subscribed = False
        self._unread: dict[Board, None] = {}
        """Boards that need a snapshot, in the order in which the snapshots were requested."""
        self._has_unread = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._compared_at = 0.0
        self._redis_is_lost = False

    def start(self) -> None:
        """Start the loops. Call this once, on the event loop."""
        self._compared_at = asyncio.get_running_loop().time()
        self._channel = f"{self._layer.prefix}.boards.{random.randbytes(8).hex()}"
        for step in (self._listen, self._read, self._repair):
            task = asyncio.create_task(self._repeat(step))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def request_snapshot(self, board: Board) -> None:
        """Let this board adopt a snapshot soon. A snapshot that is being read may lack the change that is needed."""
        self._unread[board] = None
        self._has_unread.set()

    async def _repeat(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Repeat a step for ever. Whatever goes wrong in one step, the next one follows: a replica runs for months."""
        while True:
            try:
                await step()
            except (RedisError, OSError) as fault:
                self._lose_redis(fault)
            except Exception:
                log.exception("fault in a step of %s", step.__name__)

    async def _listen(self) -> None:
        """Receive one announcement. All stores are announced on the same channel."""
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
        """Read snapshots for the first boards that need one, and let the boards adopt them.

        The replica subscribes before it reads. What may still fall between the two, the repair finds.
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
            # All other boards would get the same fault, one timeout after the other. They play without Redis now, and
            # the repair requests their snapshots again.
            boards += self._unread
            self._unread.clear()
            self._has_unread.clear()
            snapshots, known = [fault] * len(boards), [board.version for board in boards]
        read_at = asyncio.get_running_loop().time()
        for number, (board, snapshot, version) in enumerate(zip(boards, snapshots, known, strict=True), start=1):
            if self._boards.get(board.store) is board:  # the hub may have removed the board meanwhile
                self._adopt(board, snapshot, version, read_at)
            if not number % ADOPTED_AT_ONCE:
                await asyncio.sleep(0)

    def _adopt(self, board: Board, snapshot: Snapshot | Exception, known: Version, read_at: float) -> None:
        """Give a board its snapshot, or let it play without Redis if the snapshot could not be read."""
        try:
            if isinstance(snapshot, Snapshot):
                board.adopt(snapshot, known, read_at)
                if board.is_behind:  # a change was announced meanwhile, and one before it is missing
                    self.request_snapshot(board)
                return
            if not self._redis_is_lost:
                log.warning("the timeline of %s can't be read: %s", board.store, snapshot)
            board.play_without_redis()
        except Exception:  # a fault in one store must not affect the other stores of this batch
            log.exception("fault while adopting the timeline of %s", board.store)

    async def _repair(self) -> None:
        """Compare all boards with Redis, because a subscriber of Redis may miss messages; read what is behind again."""
        period = LOST_SECONDS if self._redis_is_lost else REPAIR_SECONDS
        await asyncio.sleep(period * random.uniform(0.9, 1.1))
        boards = list(self._boards.values())
        versions = await self._timeline.versions([board.store for board in boards]) if boards else []
        revoked = await self._timeline.revoked()
        self._compared_at = asyncio.get_running_loop().time()
        if boards and self._redis_is_lost:
            self._redis_is_lost = False
            log.warning("Redis is back")
        for board, version in zip(boards, versions, strict=True):
            if board.is_behind or version != board.version:
                self.request_snapshot(board)
        await self._paired_screens.revoke(revoked)

    def _lose_redis(self, fault: Exception) -> None:
        metrics.REDIS_ERRORS.inc()
        if not self._redis_is_lost:
            self._redis_is_lost = True
            log.warning("Redis is lost, boards play on: %s", fault)
