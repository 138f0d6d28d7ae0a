"""A simulated screen on gevent, for Locust.

Each screen has its own greenlet, and one process runs thousands of them.
"""

import contextlib
import socket
import ssl
import time
from math import inf
from typing import Any
from urllib.parse import urlsplit

import gevent

from loadtests.clients.backoff import reconnect_delay
from loadtests.clients.call_reports import CallReports
from loadtests.clients.websocket_frames import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Incoming,
    close_code,
    frame,
    handshake,
    parse_call,
    parse_paint,
)
from loadtests.measure.records import ConnectionRecord

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 40.0
"""If nothing has arrived on a connection for this long, it counts as dead. The page of a screen has the same rule.

The server sends a heartbeat every 15 s.
"""


SOURCES = 100
"""From how many loopback addresses the screens connect to a system on this machine.

Nginx allows 5,000 screens for each address.
"""
IP_BIND_ADDRESS_NO_PORT = 24
"""A socket option of Linux. The `socket` module of gevent does not have this constant."""

addresses: dict[tuple[str, int], tuple[int, Any]] = {}
"""Maps (host, port) to the address family and the address of the last connection that succeeded."""


def connect(host: str, port: int, source: int = 0) -> socket.socket:
    """Return a TCP connection. Raises OSError.

    source: which loopback address of this machine the connection comes from, if the host is on this machine.

    The address of a host is stored, and the host's name is resolved again only if a connection to this address fails.
    gevent resolves each name in a thread. Without the stored address, this would take half of the time of a connection.
    """
    if (host, port) not in addresses:
        connection = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        # If the connection has ended already, getpeername fails. This error is ignored, because the first read from the
        # connection reports its end.
        with contextlib.suppress(OSError):
            addresses[host, port] = connection.family, connection.getpeername()
        return connection
    family, address = addresses[host, port]
    connection = socket.socket(family)
    try:
        if address[0].startswith("127."):
            # With this option, the kernel chooses the port only when the socket connects, so that it can use the same
            # port for several connections.
            connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((f"127.0.1.{source + 1}", 0))
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(address)
    except BaseException:
        # BaseException is caught, because gevent raises GreenletExit if the screen's greenlet is killed while it
        # connects. The socket must be closed in this case, too.
        connection.close()
        addresses.pop((host, port), None)
        raise
    return connection


class GeventScreen:
    """One simulated screen of a store, which connects to http(s)://host:port. source: as in `connect`."""

    def __init__(self, url: str, path: str, name: str, store: str, source: int = 0) -> None:
        self.path, self.name, self.store, self.url, self._source = path, name, store, url, source
        self._socket: socket.socket | None = None
        self._open = self._was_open = False
        self._last_received = 0.0
        self._cut_at = inf
        self._reports = CallReports()

    def run(self, connections: list[ConnectionRecord]) -> None:
        """Stay connected, and reconnect after each loss, until the greenlet is killed. Never returns.

        After the end of each connection, its record is added to `connections`. Attempts that did not open a connection
        are not recorded.
        """
        attempts = 0
        while True:
            connection = ConnectionRecord(self.name, self.store, 0.0, code=1006, requested=time.monotonic())
            try:
                self._connect()
                self._receive(connection)
            except OSError:
                pass
            except gevent.GreenletExit:
                connection.code = 0
                self.report(inf)
                raise
            finally:
                self._open = False
                # After a cut of all screens, this greenlet may run only a second later.
                connection.closed = min(time.monotonic(), self._cut_at)
                self._cut_at = inf
                if connection.opened:
                    attempts = 0
                    connections.append(connection)
                if self._socket:
                    self._socket.close()
            gevent.sleep(reconnect_delay(attempts))
            attempts += 1

    def cut(self) -> None:
        """Break the connection, as a power cut does. Do nothing if the screen is not connected."""
        with contextlib.suppress(OSError):
            if self._socket and self._open:
                self._socket.shutdown(socket.SHUT_RDWR)
                self._cut_at = time.monotonic()

    def check_silence(self) -> None:
        """Break the connection if nothing has arrived on it for SILENCE_SECONDS. Must be called every second or so."""
        if self._open and time.monotonic() - self._last_received > SILENCE_SECONDS:
            self.cut()

    def report(self, now: float) -> None:
        """Send the reports that are due, if the screen is connected. Must be called every second or so.

        now: the time of time.monotonic(), or infinity to send everything that was not reported yet.
        """
        if self._open and self._socket:
            with contextlib.suppress(OSError):
                for text in self._reports.due(now):
                    self._socket.sendall(frame(TEXT, text))

    def _connect(self) -> None:
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        self._last_received = time.monotonic()
        self._socket = connect(parts.hostname or "", parts.port or (443 if secure else 80), self._source)
        if secure:
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=parts.hostname)
        self._socket.settimeout(CONNECT_SECONDS)
        self._socket.sendall(handshake(parts.netloc, self.path, self.url))

    def _receive(self, connection: ConnectionRecord) -> None:
        """Record the paints until the connection ends, and then record its close code.

        Raises OSError if the server refuses the handshake or if the connection breaks.
        """
        assert self._socket
        incoming = Incoming()
        while data := self._socket.recv(4096):
            at = self._last_received = time.monotonic()
            for opcode, payload in incoming.feed(data):
                if opcode == TEXT and (paint := parse_paint(at, payload)):
                    connection.paints.append((at, paint.seq, paint.till))
                    if shown := self._reports.note(at, parse_call(payload)):
                        connection.calls.append(shown)
                elif opcode == PING:
                    self._socket.sendall(frame(PONG, payload))
                elif opcode == CLOSE:
                    connection.code = close_code(payload)
                    self._socket.sendall(frame(CLOSE, payload[:2]))
                    return
            if incoming.status not in {0, 101}:
                raise ConnectionRefusedError(f"the handshake was refused with HTTP status {incoming.status}")
            if incoming.status and not connection.opened:
                connection.opened, connection.parts = at, incoming.parts
                # After the handshake, reads from the socket have no timeout, because a timer for each read would take a
                # tenth of the load generator's CPU time. Instead, `check_silence` breaks a connection on which nothing
                # arrives.
                self._socket.settimeout(None)
                if self._was_open:
                    # The page sends the text "again" after it has reconnected. The server counts these texts in its
                    # metrics.
                    self._socket.sendall(frame(TEXT, b"again"))
                self._open = self._was_open = True
                self._reports.connected(at)
