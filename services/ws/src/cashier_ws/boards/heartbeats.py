"""Sends heartbeats to all screens of a replica, so that a screen notices if its connection is dead.

The page of a screen treats a connection as dead if nothing has arrived for `CASHIER_SILENCE_SECONDS` (40 s). Therefore
the replica sends one prepared frame to each screen every 15 s, and the page usually sends nothing. If the page sent
pings, which the replica had to parse and to answer, an idle screen would cost several times as much CPU time.
"""

import asyncio
import logging

from cashier_ws.boards.board import Screen
from cashier_ws.boards.frames import Frame

PERIODS = 8 / 3
"""If a connection works, this many heartbeats arrive within `CASHIER_SILENCE_SECONDS`: one every 15 s within 40 s."""
GROUPS = 60
"""The number of groups into which the screens are divided. The groups get their heartbeats one after the other.

In this way, the heartbeats are spread evenly over time, and do not delay calls. With 10,000 screens, a group has 167
screens.
"""
HEARTBEAT = Frame.prepare("pong")
"""A heartbeat. Pages of version 0.1.0 expect this text as the answer to their pings, and ignore it at other times."""

log = logging.getLogger(__name__)


class Heartbeats:
    """Sends heartbeats to each screen. All methods run on the event loop and do not wait."""

    def __init__(self, silence_seconds: float) -> None:
        """silence_seconds: after which time without a heartbeat a screen treats its connection as dead."""
        self._turn_seconds = silence_seconds / PERIODS / GROUPS
        """The time from the heartbeats of a group to those of the next group."""
        self._groups: list[set[Screen]] = [set() for _ in range(GROUPS)]
        self._next = 0
        """The number of the group that gets its heartbeats next."""

    def start(self) -> None:
        """Begin to send heartbeats. Must be called once, on the event loop."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._turn_seconds, self._send_to_next_group, loop.time() + self._turn_seconds)

    def join(self, screen: Screen) -> None:
        """Send heartbeats to this screen from now on."""
        min(self._groups, key=len).add(screen)

    def leave(self, screen: Screen) -> None:
        """Send no more heartbeats to this screen.

        Does nothing if the screen did not join. To remember the group of each screen would need memory for as long as
        the screen is connected. Therefore the screen is removed from all groups, which takes 2 microseconds.
        """
        for group in self._groups:
            group.discard(screen)

    def _send_to_next_group(self, due: float) -> None:
        """Send the heartbeats of the next group.

        due: the time on the event loop's clock at which the event loop should have called this method.
        """
        loop = asyncio.get_running_loop()
        # If the event loop was late by more than one turn, no turn is left out, and all groups get their heartbeats a
        # little later.
        following = max(due + self._turn_seconds, loop.time())
        loop.call_at(following, self._send_to_next_group, following)
        group, self._next = self._groups[self._next], (self._next + 1) % GROUPS
        for screen in list(group):
            try:
                screen.send_if_clear(HEARTBEAT)
            except Exception:  # If sending fails, which should never happen, only this screen misses the heartbeat.
                log.exception("a heartbeat could not be sent")
