"""Two classes that send frames to a screen: one for our extended Daphne, and one for all other ASGI servers.

If a screen is slow, both classes keep only the newest frame for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from cashier_ws import metrics
from cashier_ws.boards.frames import Frame
from cashier_ws.boards.reports import Reporter

EXTENSION = "cashier.frame"
"""The name of an ASGI extension that the package `cashier_ws.daphne` adds to Daphne.

The extension is a FrameSocket in the ASGI scope.
"""

TakeReport = Callable[[bytes], None]
"""A function that gets the text of a report."""

log = logging.getLogger(__name__)


class FrameSocket(Protocol):
    """An interface: the socket of one screen, to which whole frames can be written directly.

    take_report: a function that gets the text of each report of the screen; None as long as nobody wants the reports.
    In this way, a report does not pass through Channels, which saves most of its CPU time.
    """

    take_report: TakeReport | None

    def send_frame(self, frame: bytes) -> None:
        """Write a frame, or keep it until the socket accepts it. A newer frame replaces one that was kept."""

    def send_if_clear(self, frame: bytes) -> None:
        """Write a frame. Do nothing if earlier frames were not written yet."""


class FrameScreen:
    """A screen whose ASGI server offers the extension `cashier.frame`. Only our extended Daphne offers it.

    Frames are written directly to the socket, without a queue or a task.
    """

    __slots__ = ("_socket", "reporter")

    def __init__(self, socket: FrameSocket, reporter: Reporter) -> None:
        self._socket, self.reporter = socket, reporter

    def pass_reports_to(self, take_report: TakeReport) -> None:
        """Pass the reports of this screen to a function from now on, and not to the consumer."""
        self._socket.take_report = take_report

    def send(self, frame: Frame) -> None:
        self._socket.send_frame(frame.data)

    def send_if_clear(self, frame: Frame) -> None:
        self._socket.send_if_clear(frame.data)

    def close(self) -> None:
        # A screen that has left its board can report nothing.
        self._socket.take_report = None


class PlainScreen:
    """A screen whose ASGI server lacks the extension `cashier.frame`, so that frames cannot be written directly.

    A task calls the server's `send` with the newest frame. A stuck screen is noticed only if the server's `send`
    waits until the socket accepts bytes. Not all servers wait.
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        give_up: Callable[[], Awaitable[None]],
        stuck_seconds: float,
        reporter: Reporter,
    ) -> None:
        """give_up: a function that closes the websocket; called if the screen accepts no bytes for `stuck_seconds`."""
        self.reporter = reporter
        self._send_text, self._give_up, self._stuck_seconds = send, give_up, stuck_seconds
        self._newest: Frame | None = None
        self._has_newest = asyncio.Event()
        self._task = asyncio.create_task(self._send_newest())

    def send(self, frame: Frame) -> None:
        self._newest = frame
        self._has_newest.set()

    def pass_reports_to(self, take_report: TakeReport) -> None:
        """Do nothing. Behind this ASGI server, the consumer gets the reports like all other messages."""

    def send_if_clear(self, frame: Frame) -> None:
        # A heartbeat or a command never replaces a repaint that waits to be sent.
        if self._newest is None:
            self.send(frame)

    def close(self) -> None:
        # The task that sends the frames also closes a stuck screen. It then calls this method itself, and is not
        # cancelled, because it must still send the Close frame.
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
                    await self._send_text(frame.text)
            except TimeoutError:
                metrics.TOO_SLOW.inc()
                log.warning("screen closed: it accepted nothing for %s s", self._stuck_seconds)
                return await self._give_up()
            except Exception as fault:
                # Sending has failed, because the connection has ended. Servers raise different exceptions in this case,
                # so all exceptions are caught. Nothing more is done here: the server also tells the consumer that the
                # connection has ended.
                log.debug("screen lost: %r", fault)
                return None


def open_screen(
    scope: Any,
    send: Callable[[str], Awaitable[None]],
    give_up: Callable[[], Awaitable[None]],
    stuck_seconds: float,
    reporter: Reporter,
) -> FrameScreen | PlainScreen:
    """Return a FrameScreen if the server offers the extension `cashier.frame`, and otherwise a slower PlainScreen."""
    socket = (scope.get("extensions") or {}).get(EXTENSION)
    if socket:
        return FrameScreen(socket, reporter)
    return PlainScreen(send, give_up, stuck_seconds, reporter)
