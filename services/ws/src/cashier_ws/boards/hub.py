"""The hub: all boards of one replica."""

import asyncio

from cashier_core.tickets import Ticket
from cashier_core.timeline_reader import TimelineReader
from cashier_ws.boards.board import Board, Screen
from cashier_ws.boards.revocation import PairedScreens
from cashier_ws.boards.sync import Sync
from cashier_ws.gc_policy import GcPolicy

TIDY_SECONDS = 1.0
EMPTY_SECONDS = 10.0
"""A board without screens plays on for this long. After a network failure all screens come back within this time, and
can be painted without asking Redis."""


class Hub:
    """Creates a board with the first screen of a store, and removes the board some time after the last one."""

    def __init__(self, timeline: TimelineReader) -> None:
        self.paired_screens = PairedScreens()
        self._boards: dict[str, Board] = {}
        self._sync = Sync(self._boards, self.paired_screens, timeline)
        self._gc_policy = GcPolicy()
        self._joined = 0

    def figures(self) -> list[tuple[str, int, int]]:
        """For each store: its slug, the number of connected screens, and the number of queued calls."""
        return [(board.store, len(board.screens), board.queued) for board in self._boards.values()]

    def join(self, ticket: Ticket, screen: Screen) -> Board:
        """Add a screen to its store's board, which paints it. Call this on the event loop; it does not wait."""
        if not self._joined:  # before the first screen, no event loop may be running
            self._sync.start()
            self._schedule_tidy()
        self._joined += 1
        board = self._boards.get(ticket.store)
        if board is None:
            board = self._boards[ticket.store] = Board(ticket.store, ticket.idle)
            self._sync.request_snapshot(board)
        board.join(screen)
        return board

    def _schedule_tidy(self) -> None:
        asyncio.get_running_loop().call_later(TIDY_SECONDS, self._tidy)

    def _tidy(self) -> None:
        """Collect garbage, and remove boards that have had no screens for a while. Independent of Redis."""
        self._schedule_tidy()  # first, so that a fault below does not end the repetition
        self._gc_policy.apply(self._joined, sum(len(board.screens) for board in self._boards.values()))
        limit = asyncio.get_running_loop().time() - EMPTY_SECONDS
        for board in [each for each in self._boards.values() if each.empty_since < limit]:
            del self._boards[board.store]
            board.stop()
