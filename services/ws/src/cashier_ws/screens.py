"""The screen: one socket as its board sees it. Both kinds keep only the newest paint for a socket that is slow."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from cashier_ws import metrics
from cashier_ws.boards.frames import Paint

EXTENSION = "cashier.frame"
"""ASGI extension of our Daphne: `scope["extensions"][EXTENSION]` writes a whole frame straight to the socket."""

log = logging.getLogger(__name__)


class Screen(Protocol):
    """What a board may do with a screen."""

    def show(self, paint: Paint) -> None:
        """Put it on the screen soon. Never waits and never raises, whatever became of the socket."""

    def close(self) -> None:
        """The socket is gone."""


class FrameScreen:
    """A screen behind a server that offers the extension: no queue, task or second encoding in between."""

    __slots__ = ("_send_frame",)

    def __init__(self, send_frame: Callable[[bytes], None]) -> None:
        self._send_frame = send_frame

    def show(self, paint: Paint) -> None:
        self._send_frame(paint.frame)

    def close(self) -> None:
        pass


class PlainScreen:
    """A screen behind any other ASGI server: a task that awaits `send`, always with the newest paint.

    It notices a stuck screen as far as that server makes `send` wait for the socket; not all do.
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        give_up: Callable[[], Awaitable[None]],
        stuck_seconds: float,
    ) -> None:
        self._send, self._give_up, self._stuck_seconds = send, give_up, stuck_seconds
        self._paint: Paint | None = None
        self._fresh = asyncio.Event()
        self._task = asyncio.create_task(self._paint_newest())

    def show(self, paint: Paint) -> None:
        self._paint = paint
        self._fresh.set()

    def close(self) -> None:
        if self._task is not asyncio.current_task():  # which is just giving up, and has a Close frame to send
            self._task.cancel()

    async def _paint_newest(self) -> None:
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            paint, self._paint = self._paint, None
            if paint is None:
                continue
            try:
                async with asyncio.timeout(self._stuck_seconds):
                    await self._send(paint.text)
            except TimeoutError:
                metrics.TOO_SLOW.inc()
                log.warning("screen closed: it accepted nothing for %s s", self._stuck_seconds)
                return await self._give_up()
            except Exception as fault:
                # Servers differ in what they raise for a socket that is gone; the consumer's disconnect follows.
                log.debug("screen lost: %r", fault)
                return None


def open_screen(
    scope: Any,
    send: Callable[[str], Awaitable[None]],
    give_up: Callable[[], Awaitable[None]],
    stuck_seconds: float,
) -> Screen:
    """The fastest kind of screen that the server behind this scope can carry."""
    send_frame = (scope.get("extensions") or {}).get(EXTENSION)
    return FrameScreen(send_frame) if send_frame else PlainScreen(send, give_up, stuck_seconds)
