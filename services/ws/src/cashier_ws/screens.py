"""The two ways to send frames to a screen. Both keep only the newest frame for a screen that is slow."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from cashier_ws import metrics
from cashier_ws.boards.board import Screen
from cashier_ws.boards.frames import Frame

EXTENSION = "cashier.frame"
"""ASGI extension of our Daphne: `scope["extensions"][EXTENSION]` writes a whole frame straight to the socket."""

log = logging.getLogger(__name__)


class FrameScreen:
    """A screen behind a server that offers the extension: no queue, no task and no second encoding in between."""

    __slots__ = ("_send_frame",)

    def __init__(self, send_frame: Callable[[bytes], None]) -> None:
        self._send_frame = send_frame

    def send(self, frame: Frame) -> None:
        self._send_frame(frame.data)

    def close(self) -> None:
        pass


class PlainScreen:
    """A screen behind any other ASGI server: a task awaits the server's `send`, always with the newest fragment.

    A stuck screen is noticed only if the server's `send` waits for the socket, which not all servers do.
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        give_up: Callable[[], Awaitable[None]],
        stuck_seconds: float,
    ) -> None:
        """give_up: closes the connection of a screen that has accepted nothing for `stuck_seconds`."""
        self._send_text, self._give_up, self._stuck_seconds = send, give_up, stuck_seconds
        self._newest: Frame | None = None
        self._has_newest = asyncio.Event()
        self._task = asyncio.create_task(self._send_newest())

    def send(self, frame: Frame) -> None:
        self._newest = frame
        self._has_newest.set()

    def close(self) -> None:
        # If this is called by the task itself, the task is giving up and still has to send a Close frame.
        if self._task is not asyncio.current_task():
            self._task.cancel()

    async def _send_newest(self) -> None:
        while True:
            await self._has_newest.wait()
            self._has_newest.clear()
            frame, self._newest = self._newest, None
            if frame is None:
                continue
            try:
                async with asyncio.timeout(self._stuck_seconds):
                    await self._send_text(frame.fragment)
            except TimeoutError:
                metrics.TOO_SLOW.inc()
                log.warning("screen closed: it accepted nothing for %s s", self._stuck_seconds)
                return await self._give_up()
            except Exception as fault:
                # The connection is gone; servers raise different exceptions then. The consumer is told next.
                log.debug("screen lost: %r", fault)
                return None


def open_screen(
    scope: Any,
    send: Callable[[str], Awaitable[None]],
    give_up: Callable[[], Awaitable[None]],
    stuck_seconds: float,
) -> Screen:
    """Return the faster kind of screen that the server behind this scope offers."""
    send_frame = (scope.get("extensions") or {}).get(EXTENSION)
    return FrameScreen(send_frame) if send_frame else PlainScreen(send, give_up, stuck_seconds)
