"""Defines the board, which plays the calls of one store and sends them to the store's screens on this replica."""

import asyncio
import logging
from dataclasses import replace
from math import inf
from typing import Protocol

from cashier_core import fragment
from cashier_core.events import Event, Version
from cashier_core.idle import Idle
from cashier_core.snapshot import Snapshot
from cashier_ws import metrics
from cashier_ws.boards.frames import Frame
from cashier_ws.boards.playlist import Playlist, Slot
from cashier_ws.boards.proofs import Proof, Proofs
from cashier_ws.boards.reports import Reporter

log = logging.getLogger(__name__)

CHUNK = 250
"""The number of screens to which a board sends a frame in one iteration of the event loop.

This takes about 5 ms. Then the boards of other stores can send, so that a large store does not delay a small store.
"""


UNKNOWN_SECONDS = 5.0
"""For how long a new board paints nothing if Redis does not answer.

The page of a screen that has connected again still shows its call. The idle text of a board that does not know the call
would remove it. The time is longer than a failover of Redis.
"""


class Screen(Protocol):
    """An interface: what the board and the heartbeats need of each of their screens.

    reporter: the screen, as the proofs know it.
    """

    reporter: Reporter

    def send(self, frame: Frame) -> None:
        """Send a frame to the screen soon. The method does not wait. If the connection is lost, it raises nothing."""

    def send_if_clear(self, frame: Frame) -> None:
        """Send a frame to the screen soon, unless earlier frames still wait to be sent. The method does not wait."""

    def close(self) -> None:
        """Stop sending to the screen. Called when the screen leaves its board."""


class Board:
    """Plays the calls of one store on its screens, with one playlist and one timer.

    All methods run on the event loop and do not wait.
    """

    def __init__(self, store: str, idle: Idle, proofs: Proofs) -> None:
        self.store = store
        self.screens: set[Screen] = set()
        self.version = Version()
        self.is_behind = True
        """Whether the board must read a snapshot, because it has missed a change or has not read any snapshot yet."""
        self.empty_since = inf
        """The time on the event loop's clock at which the last screen left; infinity if the board has a screen."""
        self._has_adopted = False
        self._idle = idle
        self._seq = 0
        self._playlist = Playlist()
        self._shown: Slot | None = None
        self._proofs = proofs
        self._proof: Proof | None = None
        """The proof of the call that is shown; None if no call is shown."""
        self._idle_frame: Frame | None = None
        self._current_frame: Frame | None = None
        """The newest frame. A repaint stops if the frame that it sends is no longer the newest one.

        The value is None before the first repaint, and when the frame must be built again.
        """
        self._loop = asyncio.get_running_loop()
        self._created_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._unknown_timer: asyncio.TimerHandle | None = None
        """If Redis does not answer, the timer that paints a new board."""

    @property
    def queued(self) -> int:
        """The number of the store's calls that have not begun."""
        return self._playlist.queued

    @property
    def shows_no_call(self) -> bool:
        """Whether no call is shown, and no call waits."""
        return self._shown is None and not self._playlist.queued

    def join(self, screen: Screen) -> None:
        """Add a screen and paint it.

        If the board has not read its first snapshot yet, the screen is painted later, when the snapshot has arrived.
        """
        self.screens.add(screen)
        if self._proof:
            self._proof.join(screen.reporter)
        self.empty_since = inf
        if self._current_frame is not None:
            screen.send(self._render())

    def leave(self, screen: Screen) -> None:
        """Remove a screen from this board. Does nothing if the board does not have this screen."""
        screen.reporter.has_left = True
        if self._proof and screen in self.screens:
            self._proof.leave(screen.reporter)
        self.screens.discard(screen)
        if not self.screens:
            self.empty_since = self._loop.time()

    def cashier_message(self, event: Event) -> None:
        """Apply the change that an event announces. An event that is older than the board's version is ignored."""
        known, announced = self.version, event.version
        if announced.epoch == known.epoch and announced.rev <= known.rev:
            # The board already has the event's rev or a greater rev. If the versions of the event and the board are
            # equal, the board already knows the change. If the versions differ, Redis may have lost its last writes and
            # given an old rev to a new change. Therefore the board must read a snapshot.
            self.is_behind = self.is_behind or announced != known
            return
        expected_before = known.change_id if announced.epoch == known.epoch else ""
        self.is_behind = self.is_behind or event.after != expected_before
        self.version, self._seq = announced, event.seq
        if known.epoch and announced.epoch != known.epoch:
            self._report_lost(self._playlist.keep_epoch(announced.epoch))
        if event.cancels:
            self._playlist.cancel(event.cancels)
        if event.call:
            self._playlist.add(announced.epoch, event.call, self._loop.time())
        self._set_idle(event.idle)
        self._play()

    def adopt(self, snapshot: Snapshot, known: Version, read_at: float) -> None:
        """Update the board from a snapshot, so that the board has the same calls as Redis.

        If the snapshot does not contain a call whose end has not come, the call was replaced or cancelled, or Redis has
        lost it. The board removes such a call even if the call is shown.

        known: the version of this board when the snapshot was requested. If the board still has this version, the board
        adopts the snapshot. If this snapshot is older than the board, Redis has lost its last writes. If an event has
        changed the board's version since the request, the board ignores an older snapshot. The board then also ignores
        a snapshot of another epoch, because nobody knows which epoch is newer. In this case, the board needs another
        snapshot.
        read_at: the time on the event loop's clock when the snapshot arrived. The durations in the snapshot count from
        this time.
        """
        version = snapshot.version
        is_older = version.epoch == self.version.epoch and version.rev <= self.version.rev and version != self.version
        if is_older and self.version != known:
            return
        if version.epoch != self.version.epoch and self.version != known:
            self.is_behind = True
            return
        self.is_behind = False
        has_lost_changes = is_older or version.epoch != self.version.epoch
        self.version = version
        removed = self._playlist.keep({call.call_id for call in snapshot.calls}, snapshot.now_ms)
        if has_lost_changes:
            self._report_lost(removed)
            self._playlist.forget_removed_calls()
        if version.epoch:
            self._seq = snapshot.seq
            # If this is the board's first snapshot, the screens have connected during the call, and show only the rest.
            screens_missed_it = self._has_adopted and self._current_frame is not None and bool(self.screens)
            for call_id in snapshot.cancelled:
                self._playlist.cancel(call_id)
            for call in snapshot.calls:
                whole = screens_missed_it or call.starts_in_ms >= 0
                self._playlist.add(version.epoch, call, read_at, whole=whole, may_begin_later=has_lost_changes)
            self._set_idle(snapshot.idle or self._idle)
        self._has_adopted = True
        self._play()

    def play_without_redis(self, *, is_lost: bool = True) -> None:
        """Paint the calls that the board knows, or the idle text of the first screen's ticket if it knows no calls.

        is_lost: whether Redis does not answer. A board that has never read a snapshot then waits until
        `UNKNOWN_SECONDS` after its creation. Otherwise only the timeline of this store cannot be read.
        """
        wait_seconds = self._created_at + UNKNOWN_SECONDS - self._loop.time()
        if not is_lost or self._has_adopted or self._current_frame is not None or wait_seconds <= 0:
            self._play()
        elif not self._unknown_timer:
            self._unknown_timer = self._loop.call_later(wait_seconds, self._play)

    def stop(self) -> None:
        """Cancel the timers when the board is removed. A timer that is still set would keep the board in memory."""
        for timer in (self._timer, self._unknown_timer):
            if timer:
                timer.cancel()
        if self._proof:
            self._proofs.end(self._proof, self._loop.time(), was_removed=False)
            self._proof = None

    def _report_lost(self, count: int) -> None:
        """Log and count calls that Redis has lost.

        The screens do not show these calls any more, because Redis may schedule other calls at the same time.
        """
        if count:
            metrics.LOST_CALLS.inc(count)
            log.warning("Redis has lost %d calls of %s", count, self.store)

    def _set_idle(self, idle: Idle) -> None:
        if not idle.appearance_id:
            # If the appearance_id is empty, Redis has lost its data, and web has not written the appearance_id again
            # yet. Until then, the board keeps the appearance_id that it already knows.
            idle = replace(idle, appearance_id=self._idle.appearance_id)
        if idle != self._idle:
            self._idle, self._idle_frame = idle, None
            if self._shown is None:
                # The screens still show the old idle text. If there is no current frame, `_play` repaints the screens
                # even if no call has begun or ended.
                self._current_frame = None

    def _play(self) -> None:
        now = self._loop.time()
        shown = self._playlist.play(now)
        # The timer is set before the screens are painted, so that the number is removed in time even if painting fails.
        self._set_timer()
        if shown is not self._shown or self._current_frame is None:
            ended = self._shown if shown is None and self._shown and self._shown.end <= now else None
            has_changed = shown is not self._shown
            self._shown, self._idle_frame = shown, None
            self._repaint(now, ended)
            # The proof comes after the repaint, because it must not delay the screens.
            if has_changed:
                self._change_proof(shown, now)
        for missed in self._playlist.take_missed():
            self._proofs.end(self._begin_proof(missed), now)

    def _change_proof(self, shown: Slot | None, now: float) -> None:
        """End the proof of the call that was shown, and begin the proof of the call that is shown now."""
        if self._proof:
            self._proofs.end(self._proof, now)
        self._proof = None
        if shown:
            metrics.CALLS.inc()
            self._proof = self._begin_proof(shown)

    def _begin_proof(self, slot: Slot) -> Proof:
        return self._proofs.begin(self.store, slot, (screen.reporter for screen in self.screens))

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        due = self._playlist.next_change
        self._timer = None if due is None else self._loop.call_at(due, self._play)

    def _render(self) -> Frame:
        if self._shown is None:
            if self._idle_frame is None:
                self._idle_frame = Frame.prepare(fragment.render(fragment.context(self._idle, seq=self._seq)))
            return self._idle_frame
        call = self._shown.call
        hold_ms = round((self._shown.end - self._loop.time()) * 1000)
        return Frame.prepare(
            fragment.render(
                fragment.context(
                    self._idle,
                    language=call.language,
                    till=call.till,
                    label=call.label,
                    seq=call.seq,
                    hold_ms=max(hold_ms, 0),
                    call_id=call.call_id,
                )
            )
        )

    def _repaint(self, changed_at: float, ended: Slot | None) -> None:
        """Build a new frame and send it to all screens of the board.

        ended: the call that has just ended, if no other call is shown now; otherwise None.
        """
        frame = self._render()
        self._current_frame = frame
        self._send_to(frame, list(self.screens), 0, changed_at, ended)

    def _send_to(self, frame: Frame, screens: list[Screen], start: int, changed_at: float, ended: Slot | None) -> None:
        """Send the frame to `CHUNK` screens, and to the other screens in later iterations of the event loop."""
        if frame is not self._current_frame:
            return
        for screen in screens[start : start + CHUNK]:
            try:
                screen.send(frame)
            except Exception:  # If sending fails, which should never happen, only this screen misses the frame.
                log.exception("a screen of %s could not be painted", self.store)
        if start + CHUNK < len(screens):
            self._loop.call_soon(self._send_to, frame, screens, start + CHUNK, changed_at, ended)
            return
        if not screens:
            return
        now = self._loop.time()
        metrics.PAINT_SECONDS.observe(now - changed_at)
        if ended:
            metrics.RESET_LATENESS.observe(now - ended.end)
