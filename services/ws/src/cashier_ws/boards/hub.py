"""Defines the hub, which contains all boards of one replica."""

import asyncio
import random

from redis.asyncio import Redis

from cashier_core.tickets import Ticket
from cashier_core.timeline_reader import TimelineReader
from cashier_ws import metrics
from cashier_ws.boards.balance import PERIOD_SECONDS, Balance
from cashier_ws.boards.board import Board, Screen
from cashier_ws.boards.commands import READ_SECONDS, Commands
from cashier_ws.boards.heartbeats import Heartbeats
from cashier_ws.boards.proof_writer import ProofWriter
from cashier_ws.boards.proofs import Proofs
from cashier_ws.boards.repeat import repeat
from cashier_ws.boards.reports import BadReport, Reporter, parse_report
from cashier_ws.boards.revocation import PairedScreens
from cashier_ws.boards.screen_statuses import ScreenStatuses
from cashier_ws.boards.status_writer import StatusWriter
from cashier_ws.boards.sync import Sync
from cashier_ws.gc_policy import GcPolicy

TIDY_SECONDS = 1.0
EMPTY_SECONDS = 10.0
"""The seconds for which the hub keeps a board after the board's last screen has left.

After a network failure, all screens reconnect within this time. The board can then paint them without asking Redis.
"""


class Hub:
    """Contains the boards of all stores that have a screen on this replica.

    The hub creates a board when the first screen of a store connects. It removes the board `EMPTY_SECONDS` after the
    last screen has left.
    """

    def __init__(self, timeline: TimelineReader, redis: Redis, silence_seconds: float) -> None:
        """silence_seconds: after which time without a message a screen treats its connection as dead."""
        self.paired_screens = PairedScreens()
        self.proofs = Proofs()
        self.statuses = ScreenStatuses(self.paired_screens)
        replica = random.randbytes(8).hex()  # Identifies this replica and its start.
        self._proof_writer = ProofWriter(self.proofs, redis, replica)
        self._status_writer = StatusWriter(self.statuses, redis, replica)
        self._commands = Commands(self.paired_screens, redis)
        self.balance = Balance(redis, replica)
        self._repeated: list[asyncio.Task[None]] = []
        self._boards: dict[str, Board] = {}
        self._sync = Sync(self._boards, self.paired_screens, timeline)
        self._heartbeats = Heartbeats(silence_seconds)
        self._gc_policy = GcPolicy()
        self._joined = 0
        self._is_started = False

    def figures(self) -> list[tuple[str, int, int]]:
        """Return the slug, the number of connected screens and the number of queued calls of each store."""
        return [(board.store, len(board.screens), board.queued) for board in self._boards.values()]

    def start(self) -> None:
        """Start the tasks of the hub. Must be called on the event loop. Does nothing if the tasks were started already.

        The hub may be created before the event loop runs. Therefore the constructor does not start the tasks.
        """
        if self._is_started:
            return
        self._is_started = True
        self._sync.start()
        self._heartbeats.start()
        self._proof_writer.start()
        self._status_writer.start()
        self._repeated = [
            asyncio.create_task(
                repeat(READ_SECONDS, self._commands.pass_on, "commands to screens can't be read now"),
            ),
            asyncio.create_task(
                repeat(PERIOD_SECONDS, self.balance.step, "the numbers of screens can't be compared now"),
            ),
        ]
        self._schedule_tidy()

    def join(self, ticket: Ticket, screen: Screen) -> Board:
        """Add a screen to the board of its store, and return the board.

        Must be called on the event loop. The method does not wait.
        """
        self.start()  # An ASGI server without the lifespan protocol has not started the hub.
        self._joined += 1
        board = self._boards.get(ticket.store)
        if board is None:
            board = self._boards[ticket.store] = Board(ticket.store, ticket.idle, self.proofs)
            self._sync.request_snapshot(board)
        board.join(screen)
        self._heartbeats.join(screen)
        self.statuses.join(screen.reporter)
        return board

    def leave(self, board: Board, screen: Screen) -> None:
        """Remove a screen from its board, and send it no more heartbeats."""
        board.leave(screen)
        self._heartbeats.leave(screen)

    def take_report(self, store: str, screen: Reporter, text: str | bytes) -> None:
        """Called when a screen of this store has sent a report. A report that is not valid changes nothing."""
        metrics.CALL_REPORTS.inc()
        try:
            report = parse_report(text)
        except BadReport:
            metrics.REFUSED_CALL_REPORTS.labels("invalid").inc()
            return
        screen.can_report = True
        self.proofs.add_calls(store, screen, report.calls)
        if report.page:
            self.statuses.note_page(screen, report.page, asyncio.get_running_loop().time())

    async def end(self) -> None:
        """Write to Redis what must not be lost, because the replica ends."""
        for task in self._repeated:
            task.cancel()
        await asyncio.gather(self._proof_writer.end(), self._status_writer.end())

    def _schedule_tidy(self) -> None:
        asyncio.get_running_loop().call_later(TIDY_SECONDS, self._tidy)

    def _tidy(self) -> None:
        """Collect garbage, and remove boards that have had no screens for a while. The method does not need Redis."""
        # `_tidy` schedules its next run first, so that it runs again even if the code below fails.
        self._schedule_tidy()
        now = asyncio.get_running_loop().time()
        self._gc_policy.apply(self._joined, sum(len(board.screens) for board in self._boards.values()), now)
        for board in [each for each in self._boards.values() if each.empty_since < now - EMPTY_SECONDS]:
            del self._boards[board.store]
            board.stop()
