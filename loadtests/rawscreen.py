"""The raw screen: a websocket client with nothing between it and the socket, so that thousands fit in one process."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from loadtests.frames import CLOSE, PING, PONG, TEXT, Incoming, Painted, close_code, frame, handshake, painted


class RawScreen(asyncio.Protocol):
    """One screen; `painted` grows by what it is sent, `answers` by texts that paint nothing.

    `closed` is set to the close code (1006: no Close frame).
    """

    def __init__(self, host: str, path: str, origin: str) -> None:
        self.painted: list[Painted] = []
        self.answers: list[bytes] = []
        self.closed: int | None = None
        self.reason = ""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Event()
        self._incoming = Incoming()
        self._transport: asyncio.Transport | None = None
        self._request = handshake(host, path, origin)

    @property
    def status(self) -> int:
        """HTTP status of the handshake's answer; 0 before it."""
        return self._incoming.status

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's doesn't inherit from it
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        for opcode, payload in self._incoming.feed(data):
            if opcode == TEXT:
                if paint := painted(now, payload):
                    self.painted.append(paint)
                else:
                    self.answers.append(payload)
            elif opcode == CLOSE:
                self.closed = close_code(payload)
                self.reason = payload[2:].decode()
                self.send(CLOSE, payload[:2])
                self.close()
            elif opcode == PING:
                self.send(PONG, payload)
        if self.status not in {0, 101}:
            self.close()  # `connection_lost` tells; the server would keep it open for another request
        elif self.status and not self.opened.done():
            self.opened.set_result(None)
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed is None:
            self.closed = 1006
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(f"no websocket: HTTP status {self.status}"))
            self.opened.exception()  # seen, even if nobody awaits it
        self._changed.set()

    def send(self, opcode: int, payload: bytes) -> None:
        """Send a frame of up to 65,535 bytes."""
        self.send_raw(frame(opcode, payload))

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, be they a frame or not."""
        assert self._transport
        self._transport.write(data)

    def close(self) -> None:
        """Hang up."""
        if self._transport:
            self._transport.close()

    def pause(self) -> None:
        """Accept no more bytes than the kernel's buffer takes, as a screen that stalls."""
        assert self._transport
        self._transport.pause_reading()

    def resume(self) -> None:
        """Accept bytes again."""
        assert self._transport
        self._transport.resume_reading()

    async def until(self, count: int, seconds: float) -> None:
        """Return when `count` paints have come or the socket is closed. Raises TimeoutError."""
        await self._until(lambda: len(self.painted) >= count or self.closed is not None, seconds)

    async def until_closed(self, seconds: float | None = None) -> int:
        """The close code, when it has come. Raises TimeoutError if `seconds` are over before."""
        await self._until(lambda: self.closed is not None, seconds)
        return cast(int, self.closed)

    async def until_answered(self, seconds: float) -> bytes:
        """The first text that paints nothing, when it has come. Raises TimeoutError."""
        await self._until(lambda: bool(self.answers), seconds)
        return self.answers[0]

    async def _until(self, true: Callable[[], bool], seconds: float | None) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                self._changed.clear()
                await self._changed.wait()
