"""The board: one store on this replica. It plays the store's calls and repaints the store's screens."""

import asyncio
import logging
from dataclasses import replace
from math import inf

from cashier_core import fragment
from cashier_core.events import Event, Version
from cashier_core.idle import Idle
from cashier_core.snapshot import Snapshot
from cashier_ws import metrics
from cashier_ws.boards.frames import Paint
from cashier_ws.boards.playlist import Playlist, Slot
from cashier_ws.screens import Screen

log = logging.getLogger(__name__)

CHUNK = 250
"""Screens painted before the loop gets its turn: about 5 ms of work, so a huge store doesn't starve a small one."""


class Board:
    """One timer, one timeline, a set of screens; every method is called on the event loop and doesn't wait."""

    def __init__(self, store: str, idle: Idle) -> None:
        self.store = store
        self.screens: set[Screen] = set()
        self.version = Version()
        self.behind = True
        """It missed something, or has not read its first snapshot yet."""
        self.empty_since = inf
        """When its last screen went, in seconds of the loop's clock; inf: it has screens."""
        self._idle = idle
        self._seq = 0
        self._playlist = Playlist()
        self._up: Slot | None = None
        self._idle_paint: Paint | None = None
        self._current: object = None  # the newest repaint; an older one that is still under way stops
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def queued(self) -> int:
        """Calls that wait for their turn."""
        return self._playlist.queued

    def join(self, screen: Screen) -> None:
        """Add a screen. It is painted at once, or with all others when the first snapshot is in."""
        self.screens.add(screen)
        self.empty_since = inf
        if self._current is not None:
            screen.show(self._paint())

    def leave(self, screen: Screen) -> None:
        """Take a screen away; one that isn't here is no fault."""
        self.screens.discard(screen)
        if not self.screens:
            self.empty_since = self._loop.time()

    def cashier_message(self, event: Event) -> None:
        """Take in a change that was announced; one that is older than what is known changes nothing."""
        known, told = self.version, event.version
        if told.epoch == known.epoch and told.rev <= known.rev:
            # Heard already, or a rev that comes twice because Redis lost writes: a snapshot tells.
            self.behind = self.behind or told != known
            return
        self.behind = self.behind or event.after != (known.change_id if told.epoch == known.epoch else "")
        self.version, self._seq = told, event.seq
        if event.cancels:
            self._playlist.cancel(event.cancels)
        if event.call:
            self._playlist.add(told.epoch, event.call, self._loop.time())
        self._set_idle(event.idle)
        self._play()

    def adopt(self, snapshot: Snapshot, known: Version, read_at: float) -> None:
        """Take in the timeline as Redis has it: what is missing here is added, what plays plays on.

        known: this board's version when the snapshot was asked for. A snapshot that is older than what was announced
        since says nothing; one that is older though nothing was announced tells that Redis has lost writes.
        read_at: when it came, in seconds of the loop's clock; its durations count from there.
        """
        told = snapshot.version
        older = told.epoch == self.version.epoch and told.rev <= self.version.rev and told != self.version
        if older and self.version != known:
            return
        self.behind = False
        self.version = told
        if told.epoch:
            self._seq = snapshot.seq
            has_screens_that_missed_it = self._current is not None and bool(self.screens)
            for call_id in snapshot.cancelled:
                self._playlist.cancel(call_id)
            for call in snapshot.calls:
                whole = has_screens_that_missed_it or call.starts_in_ms >= 0
                self._playlist.add(told.epoch, call, read_at, whole=whole)
            self._set_idle(snapshot.idle or self._idle)
        self._play()

    def play_alone(self) -> None:
        """Redis can't be read: paint what is known, "please wait" where nothing is."""
        self._play()

    def stop(self) -> None:
        """No screen is left; the timer must not keep the board alive."""
        if self._timer:
            self._timer.cancel()

    def _set_idle(self, idle: Idle) -> None:
        if not idle.appearance_id:  # a Redis that was emptied doesn't know it, and will be told
            idle = replace(idle, appearance_id=self._idle.appearance_id)
        if idle != self._idle:
            self._idle, self._idle_paint = idle, None
            if self._up is None:
                self._current = None  # the next play repaints, though the same nothing is up

    def _play(self) -> None:
        now = self._loop.time()
        up = self._playlist.play(now)
        self._arm()  # before anything is painted, so that whatever happens there the number comes down
        if up is not self._up or self._current is None:
            over = self._up if up is None else None
            if up and up is not self._up:
                metrics.CALLS.inc()
            self._up, self._idle_paint = up, None
            self._repaint(now, over)

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
        due = self._playlist.next_change
        self._timer = None if due is None else self._loop.call_at(due, self._play)

    def _paint(self) -> Paint:
        if self._up is None:
            if self._idle_paint is None:
                idle = fragment.context(self._idle, seq=self._seq)
                self._idle_paint = Paint.of(fragment.render(idle))
            return self._idle_paint
        call = self._up.call
        hold_ms = round((self._up.end - self._loop.time()) * 1000)
        return Paint.of(
            fragment.render(
                fragment.context(
                    self._idle,
                    language=call.language,
                    till=call.till,
                    label=call.label,
                    seq=call.seq,
                    hold_ms=max(hold_ms, 0),
                )
            )
        )

    def _repaint(self, changed: float, over: Slot | None) -> None:
        paint = self._paint()
        self._current = paint
        self._spread(paint, list(self.screens), 0, changed, over)

    def _spread(self, paint: Paint, screens: list[Screen], start: int, changed: float, over: Slot | None) -> None:
        if paint is not self._current:
            return
        for screen in screens[start : start + CHUNK]:
            try:
                screen.show(paint)
            except Exception:  # it never should, and if it does, that screen is the only one to miss this paint
                log.exception("a screen of %s could not be painted", self.store)
        if start + CHUNK < len(screens):
            self._loop.call_soon(self._spread, paint, screens, start + CHUNK, changed, over)
            return
        if not screens:
            return
        now = self._loop.time()
        metrics.PAINT_SECONDS.observe(now - changed)
        if over:
            metrics.RESET_LATENESS.observe(now - over.end)
