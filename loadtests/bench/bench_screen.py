"""One simulated screen of the benchmark.

For each message it runs as little Python code as possible, so that the client does not limit the measured values.
"""

import asyncio
import socket
import time
from typing import cast
from urllib.parse import urlsplit

from loadtests.bench.arrivals import Arrivals
from loadtests.clients.websocket_frames import PING, PONG, TEXT, Incoming, frame, handshake

ADDRESSES = 250
"""Number of loopback addresses from which the client connects, beginning with 127.0.1.1.

There are several addresses, because Nginx limits how many screens and presses it accepts from one address."""


def bound_socket(number: int) -> socket.socket:
    """Return a socket that is bound to one of the client's loopback addresses.

    number: the number of the screen or connection. Consecutive numbers get consecutive addresses.
    """
    sock = socket.socket()
    sock.setblocking(False)
    # With the option IP_BIND_ADDRESS_NO_PORT, the kernel chooses the port only when the socket connects, not when it is
    # bound. The kernel can then use the same port for several connections.
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((f"127.0.1.{number % ADDRESSES + 1}", 0))
    return sock


class BenchScreen(asyncio.Protocol):
    """One connection of a simulated screen to http://host:port.

    paints_first: whether the system paints a screen as soon as the screen has connected.
    arrivals: where the screen stores its messages.
    ready: a future whose result is the time of the first paint. If the system does not paint new screens, the result is
    the time of the answer to the handshake.
    """

    def __init__(self, url: str, path: str, number: int, paints_first: bool, arrivals: Arrivals) -> None:
        self.url, self.path, self.number = url, path, number
        self.paints_first, self.arrivals = paints_first, arrivals
        self.ready: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self._incoming = Incoming()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(handshake(urlsplit(self.url).netloc, self.path, self.url))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        # Most reads return exactly one text frame. `_receive` can handle such a read directly, without the slower
        # parser.
        if self._incoming.between_frames and is_one_text_frame(data):
            self._receive(now, data)
            return
        for opcode, payload in self._incoming.feed(data):
            if opcode == TEXT:
                self._receive(now, payload)
            elif opcode == PING:
                cast(asyncio.Transport, self.transport).write(frame(PONG, payload))
        status = self._incoming.status
        if status == 101 and not self.paints_first and not self.ready.done():
            self.ready.set_result(now)
        elif status not in {0, 101} and not self.ready.done():
            self.ready.set_exception(ConnectionError(f"no websocket: HTTP status {status}"))

    def _receive(self, now: float, text: bytes) -> None:
        if not self.ready.done():
            self.ready.set_result(now)
            return
        if self.arrivals.expected:
            self.arrivals.messages.append((now, self.number, text))
        for expected in self.arrivals.expected:
            if expected.text in text:
                expected.add(self.number)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the connection was lost before the first paint"))


def is_one_text_frame(data: bytes) -> bool:
    """Return whether `data` is exactly one complete websocket frame with text."""
    if len(data) < 4 or data[0] != 0x80 | TEXT:
        return False
    return len(data) == (data[1] + 2 if data[1] < 126 else (data[2] << 8 | data[3]) + 4 if data[1] == 126 else -1)
