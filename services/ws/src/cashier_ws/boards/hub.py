"""The boards of one replica: they share one subscription, one receiver, one reader and one repair loop."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from itertools import islice
from typing import Any

from channels.consumer import get_handler_name
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from cashier_core.events import GROUP, BadEvent, Event, Version
from cashier_core.snapshot import Snapshot
from cashier_core.tickets import Ticket
from cashier_core.timeline_reader import TimelineReader
from cashier_ws import metrics
from cashier_ws.boards.board import Board
from cashier_ws.boards.revocation import Paired
from cashier_ws.daphne.gc_policy import Garbage
from cashier_ws.screens import Screen

REPAIR_SECONDS = 1.0
"""Between two comparisons of all boards with Redis; varied by a tenth, so that replicas don't ask together."""
LOST_SECONDS = 0.25
"""The same while Redis is lost: what is called in the moment of its return may be announced to nobody."""
READS_AT_ONCE = 128
"""Timelines that are read in one round trip, which in a crowd that comes back takes four long turns of the loop."""
ADOPTED_AT_ONCE = 16
"""Of them, those that are adopted in one turn: some 5 ms of work."""
FRESH_SECONDS = 2.5
"""An announcement that is heard this long after the last comparison may be old: this process or its network stood
still. It tells durations from its own moment, so the board reads a snapshot instead, which can't be old."""
PATIENCE_SECONDS = 2.0
"""With a Redis that says nothing, until what is known is played without it."""
TIDY_SECONDS = 1.0
EMPTY_SECONDS = 10.0
"""For so long a board without screens plays on: after a cut they all come back, and are painted without Redis."""

log = logging.getLogger(__name__)


class Boards:
    """A board for every store that has a screen here, made with its first screen."""

    def __init__(self, timeline: TimelineReader) -> None:
        self.paired = Paired()
        self._timeline = timeline
        self._boards: dict[str, Board] = {}
        self._layer: Any = get_channel_layer()
        self._channel = ""
        self._subscribed = False
        self._unread: dict[Board, None] = {}  # whose timelines are to be read, in the order in which that was asked
        self._asked = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False
        self._compared_at = 0.0
        self._redis_lost = False
        self._joined = 0
        self._garbage = Garbage()

    def figures(self) -> list[tuple[str, int, int]]:
        """Of each store: slug, screens that are connected, queued calls."""
        return [(board.store, len(board.screens), board.queued) for board in self._boards.values()]

    def join(self, ticket: Ticket, screen: Screen) -> Board:
        """Put a screen on its store's board, which paints it. To be called on the event loop; doesn't wait."""
        if not self._started:
            self._started = True
            self._compared_at = asyncio.get_running_loop().time()
            self._channel = f"{self._layer.prefix}.boards.{random.randbytes(8).hex()}"
            self._run(self._forever(self._listen))
            self._run(self._forever(self._read))
            self._run(self._forever(self._repair))
            self._run(self._forever(self._tidy))
        board = self._boards.get(ticket.store)
        if board is None:
            board = self._boards[ticket.store] = Board(ticket.store, ticket.idle)
            self._ask(board)
        board.join(screen)
        self._joined += 1
        return board

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forever(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Repeat a step. Whatever goes wrong in one of them, a replica that runs for months takes the next."""
        while True:
            try:
                await step()
            except (RedisError, OSError) as fault:
                self._lose_redis(fault)
            except Exception:
                log.exception("fault in a step of %s", step.__name__)

    async def _listen(self) -> None:
        """Receive one announcement, of any board; all of them are on one channel."""
        message = await self._layer.receive(self._channel)
        try:
            event = Event.from_message(message)
        except BadEvent as fault:
            log.warning("message ignored: %s", fault)
            return
        if board := self._boards.get(event.store):
            knew_all = not board.behind
            fresh = asyncio.get_running_loop().time() - self._compared_at <= FRESH_SECONDS
            if fresh:
                getattr(board, get_handler_name(message))(event)
            if not fresh or (knew_all and board.behind):  # a snapshot that is under way may not have this one yet
                self._ask(board)

    def _ask(self, board: Board) -> None:
        """Have this board's timeline read soon; a read that is under way may not have what is asked for yet."""
        self._unread[board] = None
        self._asked.set()

    async def _read(self) -> None:
        """Read the timelines that were asked for, the first few.

        Subscribed first and read second; what may still fall between the two, the repair finds.
        """
        await self._asked.wait()
        some = list(islice(self._unread, READS_AT_ONCE))
        for board in some:
            del self._unread[board]
        if not self._unread:
            self._asked.clear()
        known = [board.version for board in some]
        metrics.READS.inc(len(some))
        snapshots: Sequence[Snapshot | Exception]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if not self._subscribed:
                    await self._layer.group_add(GROUP, self._channel)
                    self._subscribed = True
                snapshots = await self._timeline.snapshots([board.store for board in some])
        except (RedisError, OSError) as fault:
            self._lose_redis(fault)
            # All that wait for it would hear the same, one patience after the other; the repair asks again.
            some += self._unread
            self._unread.clear()
            self._asked.clear()
            snapshots, known = [fault] * len(some), [board.version for board in some]
        read_at = asyncio.get_running_loop().time()
        for number, (board, snapshot, version) in enumerate(zip(some, snapshots, known, strict=True), start=1):
            if self._boards.get(board.store) is board:  # and not forgotten meanwhile
                self._take(board, snapshot, version, read_at)
            if not number % ADOPTED_AT_ONCE:
                await asyncio.sleep(0)

    def _take(self, board: Board, snapshot: Snapshot | Exception, known: Version, read_at: float) -> None:
        """What was read for a board, or why that can't be."""
        try:
            if isinstance(snapshot, Snapshot):
                board.adopt(snapshot, known, read_at)
                if board.behind:  # what came before the newest announcement is unknown
                    self._ask(board)
                return
            if not self._redis_lost:
                log.warning("the timeline of %s can't be read: %s", board.store, snapshot)
            board.play_alone()
        except Exception:  # one store's, of which the others in this batch must know nothing
            log.exception("fault while adopting the timeline of %s", board.store)

    async def _repair(self) -> None:
        """PubSub is at-most-once: compare all boards with Redis once, and read again where they are behind."""
        period = LOST_SECONDS if self._redis_lost else REPAIR_SECONDS
        await asyncio.sleep(period * random.uniform(0.9, 1.1))
        boards = list(self._boards.values())
        versions = await self._timeline.versions([board.store for board in boards]) if boards else []
        revoked = await self._timeline.revoked()
        self._compared_at = asyncio.get_running_loop().time()
        if boards and self._redis_lost:
            self._redis_lost = False
            log.warning("Redis is back")
        for board, told in zip(boards, versions, strict=True):
            if board.behind or told != board.version:
                self._ask(board)
        await self.paired.revoke(revoked)

    async def _tidy(self) -> None:
        """What may wait, once a second; not in the repair's way, and whether Redis is there or not."""
        await asyncio.sleep(TIDY_SECONDS)
        self._garbage.settle(self._joined, sum(len(board.screens) for board in self._boards.values()))
        longest = asyncio.get_running_loop().time() - EMPTY_SECONDS
        for board in [each for each in self._boards.values() if each.empty_since < longest]:
            del self._boards[board.store]
            board.stop()

    def _lose_redis(self, fault: Exception) -> None:
        metrics.REDIS_ERRORS.inc()
        if not self._redis_lost:
            self._redis_lost = True
            log.warning("Redis is lost, boards play on: %s", fault)
