"""A simulated screen on asyncio. It uses no websocket library, so that one process can run thousands of screens."""

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
    Paint,
    close_code,
    frame,
    handshake,
    parse_paint,
)

OPEN_SECONDS = 30.0
"""Longest time to wait for the answer to the handshake. The wait for the first paint has the same limit."""
CONCURRENT_OPENS = 100
"""How many screens `open_screens` opens at the same time."""
PORTS = {"http": 80, "https": 443}


class AsyncioScreen(asyncio.Protocol):
    """One simulated screen with one connection.

    painted: every paint that the screen has received.
    answers: every text that is not a paint, for instance "pong".
    pongs: the payload of every Pong frame.
    last_received: when the last bytes have arrived, in seconds of time.monotonic().
    closed: None while the connection is open, then its close code. The close code is 1006 if there was no Close frame.
    """

    def __init__(self, host: str, path: str, origin: str) -> None:
        self.painted: list[Paint] = []
        self.answers: list[bytes] = []
        self.pongs: list[bytes] = []
        self.last_received = time.monotonic()
        self.closed: int | None = None
        self.reason = ""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Event()
        self._incoming = Incoming()
        self._transport: asyncio.Transport | None = None
        self._request = handshake(host, path, origin)

    @property
    def status(self) -> int:
        """The HTTP status of the answer to the handshake; 0 while there is no answer."""
        return self._incoming.status

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The type of the transport is not checked with isinstance, because the transports of uvloop do not inherit from
        # asyncio.Transport.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = self.last_received = time.monotonic()
        for opcode, payload in self._incoming.feed(data):
            if opcode == TEXT:
                if paint := parse_paint(now, payload):
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
            elif opcode == PONG:
                self.pongs.append(payload)
        if self.status not in {0, 101}:
            # The server has refused the handshake, and keeps the connection open for another request. The screen closes
            # the connection. Then `connection_lost` reports the HTTP status.
            self.close()
        elif self.status and not self.opened.done():
            self.opened.set_result(None)
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed is None:
            self.closed = 1006
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(f"no websocket: HTTP status {self.status}"))
            # asyncio logs the exception of a future if nothing reads the exception. Not all callers await the future
            # `opened`. Therefore the exception is read here.
            self.opened.exception()
        self._changed.set()

    def send(self, opcode: int, payload: bytes) -> None:
        """Send one websocket frame to the server. payload: at most 65,535 bytes."""
        self.send_raw(frame(opcode, payload))

    def send_raw(self, data: bytes) -> None:
        """Send bytes to the server unchanged. With this method, a test can send an invalid websocket frame."""
        assert self._transport
        self._transport.write(data)

    def close(self) -> None:
        """Close the TCP connection without sending a Close frame."""
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Forget the TCP connection at once, although the other side may not answer any more."""
        if self._transport:
            self._transport.abort()

    def pause(self) -> None:
        """Stop reading, like a screen that hangs. The kernel still receives data until its buffers are full."""
        assert self._transport
        self._transport.pause_reading()

    def resume(self) -> None:
        """Continue to read after a call of `pause`."""
        assert self._transport
        self._transport.resume_reading()

    async def until(self, count: int, seconds: float) -> None:
        """Wait until the screen has received `count` paints, or until its connection has ended.

        Raises TimeoutError if this takes longer than `seconds` seconds.
        """
        await self.until_true(lambda: len(self.painted) >= count or self.closed is not None, seconds)

    async def until_closed(self, seconds: float | None = None) -> int:
        """Wait until the connection has ended, and return its close code.

        Raises TimeoutError if this takes longer than `seconds` seconds.
        """
        await self.until_true(lambda: self.closed is not None, seconds)
        return cast(int, self.closed)

    async def until_answered(self, seconds: float) -> bytes:
        """Wait for the first text that is not a paint, and return this text.

        Raises TimeoutError if this takes longer than `seconds` seconds.
        """
        await self.until_true(lambda: bool(self.answers), seconds)
        return self.answers[0]

    async def until_true(self, condition: Callable[[], bool], seconds: float | None) -> None:
        """Wait until the condition is true. It is checked each time bytes have arrived.

        Raises TimeoutError if this takes longer than `seconds` seconds.
        """
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


async def open_screen(
    url: str,
    path: str,
    *,
    origin: str | None = None,
    buffer: int | None = None,
    source: str | None = None,
    trust: ssl.SSLContext | None = None,
) -> AsyncioScreen:
    """Connect one screen to http://host:port or https://host:port. Raises ConnectionError if the handshake is refused.

    trust: the TLS certificates to accept. The default is the certificates that the operating system trusts.
    buffer: size of the kernel's receive buffer in bytes. The buffer gets its size before the socket connects. If it
    were made smaller later, the kernel would discard data from the server, even the message that the connection was
    reset. source: the local address from which the screen connects, because Nginx limits the screens of one address.
    """
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()

    def make() -> AsyncioScreen:
        return AsyncioScreen(parts.netloc, path, origin if origin is not None else url)

    sock = socket.socket()
    sock.setblocking(False)
    if source:
        sock.bind((source, 0))
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
    """Connect `count` screens, and wait until each of them has received its first paint.

    Raises ConnectionError or TimeoutError if one of them fails.
    """
    free = asyncio.Semaphore(CONCURRENT_OPENS)

    async def open_one() -> AsyncioScreen:
        async with free:
            screen = await open_screen(url, path)
            await screen.until(1, OPEN_SECONDS)
            return screen

    return await asyncio.gather(*(open_one() for _ in range(count)))
