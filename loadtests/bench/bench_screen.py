"""The bench screen: one connection, with as little of Python for each message as there can be."""

import asyncio
import socket
import time
from typing import Protocol, cast

from loadtests.clients.websocket_frames import PING, PONG, TEXT, Incoming, frame, handshake

ADDRESSES = 250
"""Of loopback, 127.0.1.1 and so on, that screens come from: Nginx limits what one address may do."""


def bound_socket(number: int) -> socket.socket:
    """A socket of the address whose turn it is."""
    sock = socket.socket()
    sock.setblocking(False)
    # The port is chosen when it connects, so that one port serves many connections.
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((f"127.0.1.{number % ADDRESSES + 1}", 0))
    return sock


class Awaited:
    """A text that is to arrive on so many screens."""

    def __init__(self, mark: bytes, screens: int) -> None:
        self.mark, self.screens = mark, screens
        self._seen: set[int] = set()
        self._all = asyncio.Event()

    def saw(self, number: int) -> None:
        """This screen has it."""
        self._seen.add(number)
        if len(self._seen) == self.screens:
            self._all.set()

    async def on_all(self, seconds: float) -> None:
        """Raises TimeoutError if some didn't get it."""
        try:
            async with asyncio.timeout(seconds):
                await self._all.wait()
        except TimeoutError:
            missing = self.screens - len(self._seen)
            raise TimeoutError(f"{missing} of {self.screens} screens without {self.mark.decode()}") from None


class Crowd(Protocol):
    """What a screen needs of `loadtests.bench.client.Crowd`, which imports this module."""

    url: str
    host: str
    paints_first: bool
    awaited: list[Awaited]
    arrivals: list[tuple[float, int, bytes]]


class BenchScreen(asyncio.Protocol):
    """One connection of a screen. `greeted`: set with the time of its first paint, or of the handshake's answer."""

    def __init__(self, crowd: Crowd, number: int, path: str) -> None:
        self.crowd, self.number, self.path = crowd, number, path
        self.greeted: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self._incoming = Incoming()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(handshake(self.crowd.host, self.path, self.crowd.url))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self._incoming.between_frames and is_one_text(data):  # nearly always, and the cheapest
            self._take(now, data)
            return
        for opcode, payload in self._incoming.feed(data):
            if opcode == TEXT:
                self._take(now, payload)
            elif opcode == PING:
                cast(asyncio.Transport, self.transport).write(frame(PONG, payload))
        status = self._incoming.status
        if status == 101 and not self.crowd.paints_first and not self.greeted.done():
            self.greeted.set_result(now)
        elif status not in {0, 101} and not self.greeted.done():
            self.greeted.set_exception(ConnectionError(f"no websocket: HTTP status {status}"))

    def _take(self, now: float, text: bytes) -> None:
        if not self.greeted.done():
            self.greeted.set_result(now)
            return
        if self.crowd.awaited:
            self.crowd.arrivals.append((now, self.number, text))
        for awaited in self.crowd.awaited:
            if awaited.mark in text:
                awaited.saw(self.number)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError("the connection was lost before the first paint"))


def is_one_text(data: bytes) -> bool:
    """Whether these bytes are one text frame, whole and no more."""
    if len(data) < 4 or data[0] != 0x80 | TEXT:
        return False
    return len(data) == (data[1] + 2 if data[1] < 126 else (data[2] << 8 | data[3]) + 4 if data[1] == 126 else -1)
