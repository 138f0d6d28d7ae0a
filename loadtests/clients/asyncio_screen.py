"""The raw screen: a websocket client with nothing between it and the socket, so that thousands fit in one process."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from loadtests.clients.websocket_frames import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Incoming,
    Painted,
    close_code,
    frame,
    handshake,
    painted,
)

OPEN_SECONDS = 30.0
AT_ONCE = 100
"""Screens that are being opened at the same time."""
PORTS = {"http": 80, "https": 443}


class AsyncioScreen(asyncio.Protocol):
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


async def open_screen(
    url: str,
    path: str,
    *,
    origin: str | None = None,
    buffer: int | None = None,
    trust: ssl.SSLContext | None = None,
) -> AsyncioScreen:
    """Connect one screen to http://host:port, or https://. Raises ConnectionError where the handshake is refused.

    trust: whose certificates are believed; the system's by default.
    buffer: bytes that the kernel receives ahead of the screen. Set before it connects: a TCP window that shrinks
    later makes the peer's segments, and its reset, fall outside of it.
    """
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()

    def make() -> AsyncioScreen:
        return AsyncioScreen(parts.netloc, path, origin if origin is not None else url)

    sock = socket.socket()
    sock.setblocking(False)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    try:
        await loop.sock_connect(sock, (parts.hostname or "", parts.port or PORTS[parts.scheme]))
    except BaseException:
        sock.close()
        raise
    tls: dict[str, Any] = {}
    if parts.scheme == "https":
        tls = {"ssl": trust or ssl.create_default_context(), "server_hostname": parts.hostname}
    _transport, screen = await loop.create_connection(make, sock=sock, **tls)
    async with asyncio.timeout(OPEN_SECONDS):
        await screen.opened
    return screen


async def open_screens(url: str, path: str, count: int) -> Sequence[AsyncioScreen]:
    """Connect `count` screens, and wait until each has its first paint."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> AsyncioScreen:
        async with room:
            screen = await open_screen(url, path)
            await screen.until(1, OPEN_SECONDS)
            return screen

    return await asyncio.gather(*(one() for _ in range(count)))
