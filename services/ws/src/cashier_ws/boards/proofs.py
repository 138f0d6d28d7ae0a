"""Keeps a proof of each call: to which screens the call is owed, and what their pages have reported.

The page of a screen measures how long the browser needs to paint a number after its arrival, and how late it removes
the number (static/cashier_web/screen/call_reports.js). A minute after the end of a call, its proof is closed, and
proof_writer.py adds the proof to a stream in Redis.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from cashier_core.proof_stream import CallReport, ReplicaProof
from cashier_ws import metrics
from cashier_ws.boards.playlist import Slot
from cashier_ws.boards.reports import Reporter

CLOSE_SECONDS = 60.0
"""The seconds from the end of a call until its proof is closed. A page sends its report after 45 s at the latest."""
MOST_MS = 600_000
"""The largest number of milliseconds in a report. A page reports a longer time as this number."""
MOST_LISTED = 500
"""A proof lists at most this many screens that have connected during the call, that have disconnected, and that have
reported although they have connected later.

Whoever can open the page of a screen can connect again and again.
"""


class Proof:
    """The proof of one call on this replica, as long as it is open.

    store, call_id: the slug of the store, and the call_id.
    ended_at: when the call has ended, on the event loop's clock; None as long as it is shown.
    """

    def __init__(self, store: str, slot: Slot, screens: Iterable[Reporter]) -> None:
        """screens: the screens of the store that are connected when the board begins to show the call.

        If the board shows only the rest of the call, its screens have connected during the call.
        """
        self.store, self.call_id = store, slot.call.call_id
        self.ended_at: float | None = None
        self._slot = slot
        self._removed_early_ms = 0
        """If the call was replaced: the milliseconds from its real end to its planned end, which the pages know."""
        self._owed: set[Reporter] = set(screens) if slot.whole else set()
        self._joined: set[Reporter] = set() if slot.whole else set(screens)
        self._left: list[str] = []
        self._late_reports = 0
        """The number of reports of screens that have connected after the call."""
        self._reports: dict[Reporter, tuple[int | None, int | None]] = {}

    def resume(self, slot: Slot, screens: Iterable[Reporter]) -> None:
        """Continue, because a new board shows the call, or because Redis has lost that the call begins later.

        slot, screens: as in the constructor.
        """
        self.ended_at, self._slot, self._removed_early_ms = None, slot, 0
        connected = set(screens)
        for screen in self._owed - connected:
            self.leave(screen)
        for screen in connected - self._owed:
            self.join(screen)

    def join(self, screen: Reporter) -> None:
        """Called when a screen connects during the call."""
        if len(self._joined) < MOST_LISTED:
            self._joined.add(screen)

    def leave(self, screen: Reporter) -> None:
        """Called when a screen disconnects during the call."""
        self._owed.discard(screen)
        self._joined.discard(screen)
        if len(self._left) < MOST_LISTED:
            self._left.append(screen.credential_id)

    def end(self, now: float, *, was_removed: bool) -> None:
        """Called when the call is no longer shown.

        now: the time on the event loop's clock. was_removed: whether the screens got something else instead.
        """
        self.ended_at = now
        self._removed_early_ms = max(round((self._slot.end - now) * 1000), 0) if was_removed else 0

    def add_report(self, screen: Reporter, paint_ms: int | None, removal_ms: int | None) -> str:
        """Add what a screen has reported. Returns why the report is refused; "" if it is not refused."""
        if screen in self._reports:
            return "duplicate"
        if screen not in self._owed and screen not in self._joined:
            # The screen has connected after the call, for example because its first replica has ended. The report of a
            # screen that is not paired cannot be matched with the screen to which the call was owed.
            if not screen.credential_id or self._late_reports >= MOST_LISTED:
                return "unknown_call"
            self._late_reports += 1
        self._reports[screen] = (paint_ms, removal_ms)
        if screen in self._owed:
            if paint_ms is not None:
                metrics.SCREEN_PAINT.observe(paint_ms / 1000)
            if removal_ms is not None:
                metrics.SCREEN_RESET_LATENESS.observe(max(removal_ms + self._removed_early_ms, 0) / 1000)
        return ""

    def close(self, replica: str, *, is_ending: bool) -> ReplicaProof:
        """Return the proof. is_ending: whether the replica ends, so that the pages had no time to report."""
        missing = [each for each in self._owed if each not in self._reports]
        silent = [each for each in missing if each.can_report and not each.has_left and not is_ending]
        return ReplicaProof(
            store=self.store,
            call_id=self.call_id,
            replica=replica,
            reports=[self._report_of(each) for each in self._reports if each in self._owed],
            silent=[each.credential_id for each in silent],
            unknown=[each.credential_id for each in missing if each not in silent],
            joined=[each.credential_id for each in self._joined],
            left=self._left,
            other_reports=[self._report_of(each) for each in self._reports if each not in self._owed],
        )

    def _report_of(self, screen: Reporter) -> CallReport:
        paint_ms, removal_ms = self._reports[screen]
        if removal_ms is not None:
            removal_ms += self._removed_early_ms
        return CallReport(screen.credential_id, paint_ms, removal_ms)


class Proofs:
    """The open proofs of all stores of a replica. All methods run on the event loop and do not wait."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Proof] = {}
        """The proof of each call by the slug of its store and its call_id."""
        self._ended: deque[tuple[float, Proof]] = deque()
        """The end of each call that has ended, and its proof, in the order of the ends."""

    def __len__(self) -> int:
        """Return the number of open proofs."""
        return len(self._open)

    def begin(self, store: str, slot: Slot, screens: Iterable[Reporter]) -> Proof:
        """Open the proof of a call that begins. screens: the screens of the store that are connected."""
        key = (store, slot.call.call_id)
        proof = self._open.get(key)
        if proof:
            proof.resume(slot, screens)
        else:
            proof = self._open[key] = Proof(store, slot, screens)
        return proof

    def end(self, proof: Proof, now: float, *, was_removed: bool = True) -> None:
        """Called when a call is no longer shown. now, was_removed: as in `Proof.end`."""
        proof.end(now, was_removed=was_removed)
        self._ended.append((now, proof))

    def add_calls(self, store: str, screen: Reporter, rows: Iterable[Any]) -> None:
        """Add what a screen has reported about calls to their proofs. rows: `Report.calls`.

        What is wrong in a row is counted, and changes nothing.
        """
        for row in rows:
            if refused := self._add_row(store, screen, row):
                metrics.REFUSED_CALL_REPORTS.labels(refused).inc()

    def _add_row(self, store: str, screen: Reporter, row: Any) -> str:
        """Add what a screen has reported about one call. Returns why it is refused; "" if it is not refused."""
        if not is_valid(row):
            return "invalid"
        call_id, paint_ms, removal_ms = row
        proof = self._open.get((store, call_id))
        if proof is None:
            # The call was never shown in this store, or its proof is closed already.
            return "unknown_call"
        return proof.add_report(screen, paint_ms, removal_ms)

    def close_due(self, now: float, replica: str) -> Iterator[ReplicaProof]:
        """Close the proofs of calls that have ended `CLOSE_SECONDS` ago, and yield them."""
        while self._ended and self._ended[0][0] <= now - CLOSE_SECONDS:
            ended_at, proof = self._ended.popleft()
            if proof.ended_at == ended_at:  # Otherwise a new board has continued to show the call.
                yield from self._close(proof, replica)

    def close_all(self, replica: str) -> Iterator[ReplicaProof]:
        """Close all proofs, because the replica ends, and yield them."""
        for proof in list(self._open.values()):
            yield from self._close(proof, replica, is_ending=True)

    def _close(self, proof: Proof, replica: str, *, is_ending: bool = False) -> Iterator[ReplicaProof]:
        """Close a proof, and yield it unless no screen was connected."""
        proof.ended_at = None
        del self._open[proof.store, proof.call_id]
        closed = proof.close(replica, is_ending=is_ending)
        if closed.screens:
            count(closed)
            yield closed


def count(proof: ReplicaProof) -> None:
    """Add the screens of a proof to the metrics."""
    painted = sum(each.paint_ms is not None for each in proof.reports)
    metrics.OWED_SCREENS.labels("painted").inc(painted)
    metrics.OWED_SCREENS.labels("not_painted").inc(len(proof.reports) - painted)
    metrics.OWED_SCREENS.labels("silent").inc(len(proof.silent))
    metrics.OWED_SCREENS.labels("unknown").inc(len(proof.unknown))


def is_valid(row: Any) -> bool:
    """Return whether a row of a report is [call_id, paint_ms, removal_ms]. CallReport explains the two numbers."""
    if not isinstance(row, list) or len(row) != 3 or not isinstance(row[0], str):
        return False
    _call_id, paint_ms, removal_ms = row
    return (paint_ms is None or (type(paint_ms) is int and 0 <= paint_ms <= MOST_MS)) and (
        removal_ms is None or (type(removal_ms) is int and -MOST_MS <= removal_ms <= MOST_MS)
    )
