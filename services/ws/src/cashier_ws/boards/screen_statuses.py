"""Knows the status of each paired screen of a replica, and which statuses have changed.

status_writer.py writes the statuses to Redis.
"""

import time
from math import inf

from cashier_core.screen_status import Link, PageState, ScreenStatus
from cashier_ws.boards.reports import Reporter
from cashier_ws.boards.revocation import PairedScreens

SILENT_SECONDS = 130.0
"""If a page has not reported its state for this time, it hangs. A page reports its state once a minute, and the browser
may delay the timers of a hidden page by a minute."""
CLOSED_SECONDS = 120.0
"""The seconds for which a replica tells that the connection of a screen was closed, and why."""


class ScreenStatuses:
    """The statuses of the paired screens of one replica. All methods run on the event loop and do not wait.

    now: the time on the event loop's clock.
    """

    def __init__(self, paired_screens: PairedScreens) -> None:
        self._paired_screens = paired_screens
        self._changed: set[str] = set()
        """The credential ids of the screens whose status has changed since the last call of `take_changes`."""
        self._closed: dict[str, tuple[float, int]] = {}
        """When the last connection of a screen was closed, and its close code, by credential id."""
        self._silent_before = -inf
        """Screens that were heard before this time are known to be silent already."""

    def join(self, screen: Reporter) -> None:
        """Called when a screen has connected, after it was added to the paired screens."""
        if screen.credential_id:
            self._closed.pop(screen.credential_id, None)
            self._changed.add(screen.credential_id)

    def note_page(self, screen: Reporter, page: PageState, now: float) -> None:
        """Called when a screen has reported the state of its page."""
        if not screen.credential_id:
            return
        if screen.page != page or is_silent(screen, now):
            self._changed.add(screen.credential_id)
        screen.page, screen.page_at = page, now

    def leave(self, screen: Reporter, close_code: int, now: float) -> None:
        """Called when a screen has disconnected, after it was removed from the paired screens."""
        if screen.credential_id:
            if not self._paired_screens.connections_of(screen.credential_id):
                self._closed[screen.credential_id] = (now, close_code)
            self._changed.add(screen.credential_id)

    def take_changes(self, now: float) -> tuple[dict[str, ScreenStatus], list[str]]:
        """Return what has changed since the last call.

        The first value contains the statuses that have changed, by credential id. The second value contains the screens
        that were closed so long ago that the replica tells nothing about them any more.
        """
        self._find_silent(now)
        removed = [each for each, closed in self._closed.items() if closed[0] < now - CLOSED_SECONDS]
        for credential_id in removed:
            del self._closed[credential_id]
        changed, self._changed = self._changed.difference(removed), set()
        return {credential_id: self._status_of(credential_id, now) for credential_id in changed}, removed

    def snapshot(self, now: float) -> dict[str, ScreenStatus]:
        """Return the statuses of all screens that are connected or were closed a short time ago, by credential id."""
        credential_ids = {*self._paired_screens.credential_ids(), *self._closed}
        return {credential_id: self._status_of(credential_id, now) for credential_id in credential_ids}

    def _find_silent(self, now: float) -> None:
        """Count the statuses of screens as changed that have become silent since the last call."""
        limit = now - SILENT_SECONDS
        for screen in self._paired_screens.reporters():
            if self._silent_before <= screen.page_at < limit:
                self._changed.add(screen.credential_id)
        self._silent_before = limit

    def _status_of(self, credential_id: str, now: float) -> ScreenStatus:
        """Return the status of a screen. If the screen has several connections, the best one counts."""
        connections = [status_of(each.reporter, now) for each in self._paired_screens.connections_of(credential_id)]
        if connections:
            return min(connections, key=lambda each: each.rank)
        closed_at, close_code = self._closed.get(credential_id, (now, 0))
        return ScreenStatus(Link.CLOSED, None, close_code, round(time.time() - (now - closed_at), 1))


def status_of(screen: Reporter, now: float) -> ScreenStatus:
    """Return the status of one connection."""
    if is_silent(screen, now):
        return ScreenStatus(Link.SILENT if screen.page else Link.UNABLE)
    return ScreenStatus(Link.REPORTING, screen.page) if screen.page else ScreenStatus(Link.NEW)


def is_silent(screen: Reporter, now: float) -> bool:
    return screen.page_at < now - SILENT_SECONDS
