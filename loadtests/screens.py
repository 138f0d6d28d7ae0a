"""The raw screen: a websocket client with nothing between it and the socket, so that thousands fit in one process."""

import asyncio
import base64
import re
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

SEQ, NUMBER = re.compile(rb'data-seq="(\d+)"'), re.compile(rb'data-num-cashier="(\d+)"')
OPEN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Painted:
    """at: seconds of time.monotonic(). num_cashier: 0 for "please wait"."""

    at: float
    seq: int
    num_cashier: int
    html: str


class RawScreen(asyncio.Protocol):
    """One screen; `painted` grows by what it is sent, `closed` is set to the close code (1006: no Close frame)."""

    def __init__(self, host: str, path: str, origin: str) -> None:
        self.painted: list[Painted] = []
        self.closed: int | None = None
        self.reason = ""
        self.status = 0
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Event()
        self._data = b""
        self._transport: asyncio.Transport | None = None
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            *([f"Origin: {origin}"] if origin else []),
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        ]
        self._request = "\r\n".join([*lines, "", ""]).encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's doesn't inherit from it
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._data += data
        if not self.status and not self._read_head():
            return
        while frame := self._next_frame():
            opcode, payload = frame
            if opcode == 1:
                self._take(now, payload)
            elif opcode == 8:
                self.closed = struct.unpack("!H", payload[:2])[0] if payload else 1005
                self.reason = payload[2:].decode()
                self.send(8, payload[:2])
                self.close()
            elif opcode == 9:
                self.send(10, payload)
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed is None:
            self.closed = 1006
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(f"no websocket: HTTP status {self.status}"))
            self.opened.exception()  # seen, even if nobody awaits it
        self._changed.set()

    def send(self, opcode: int, payload: bytes) -> None:
        """Send a frame of up to 65,535 bytes, masked as a client's must be (with zeros)."""
        size = len(payload)
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
        self.send_raw(bytes([0x80 | opcode]) + length + bytes(4) + payload)

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are, be they a frame or not."""
        assert self._transport
        self._transport.write(data)

    def close(self) -> None:
        """Hang up."""
        if self._transport:
            self._transport.close()

    def pause(self) -> None:
        """Accept no more bytes, as a screen whose network stalls; the kernel keeps but a few for it."""
        assert self._transport
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._transport.pause_reading()

    def resume(self) -> None:
        """Accept bytes again."""
        assert self._transport
        self._transport.resume_reading()

    async def until(self, count: int, seconds: float) -> None:
        """Return when `count` paints have come or the socket is closed. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(self.painted) < count and self.closed is None:
                self._changed.clear()
                await self._changed.wait()

    async def until_closed(self, seconds: float) -> int:
        """The close code, when it has come. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while self.closed is None:
                self._changed.clear()
                await self._changed.wait()
        return self.closed

    def _read_head(self) -> bool:
        head, separator, rest = self._data.partition(b"\r\n\r\n")
        if not separator:
            return False
        self.status, self._data = int(head.split()[1]), rest
        if self.status == 101 and not self.opened.done():
            self.opened.set_result(None)
        return self.status == 101

    def _next_frame(self) -> tuple[int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size == 126:
            if len(data) < 4:
                return None
            size, start = struct.unpack("!H", data[2:4])[0], 4
        if len(data) < start + size:
            return None
        self._data = data[start + size :]
        return data[0] & 0x0F, data[start : start + size]

    def _take(self, now: float, payload: bytes) -> None:
        if seq := SEQ.search(payload):
            number = NUMBER.search(payload)
            self.painted.append(Painted(now, int(seq[1]), int(number[1]) if number else 0, payload.decode()))


async def open_screen(url: str, path: str, *, origin: str | None = None) -> RawScreen:
    """Connect one screen to http://host:port. Raises ConnectionError where the handshake is refused."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()

    def make() -> RawScreen:
        return RawScreen(parts.netloc, path, origin if origin is not None else url)

    _transport, screen = await loop.create_connection(make, parts.hostname or "", parts.port or 80)
    async with asyncio.timeout(OPEN_SECONDS):
        await screen.opened
    return screen


async def open_screens(url: str, path: str, count: int, *, at_once: int = 100) -> Sequence[RawScreen]:
    """Connect `count` screens, and wait until each has its first paint."""
    room = asyncio.Semaphore(at_once)

    async def one() -> RawScreen:
        async with room:
            screen = await open_screen(url, path)
            await screen.until(1, OPEN_SECONDS)
            return screen

    return await asyncio.gather(*(one() for _ in range(count)))
