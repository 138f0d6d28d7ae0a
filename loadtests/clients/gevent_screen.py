"""A screen on gevent, for Locust: each screen has its own greenlet, and one process runs thousands of them."""

import contextlib
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import gevent

from loadtests.clients.backoff import reconnect_delay
from loadtests.clients.websocket_frames import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Incoming,
    close_code,
    frame,
    handshake,
    parse_paint,
)
from loadtests.measure.records import ConnectionRecord

CONNECT_SECONDS = 10.0
HEARTBEAT_SECONDS = 15.0
"""Time between two heartbeats of a screen, the same as on the page."""
SILENCE_SECONDS = 45.0
"""A connection that has been silent for this long is dead: the server sends a ping every 20 s."""


addresses: dict[tuple[str, int], tuple[int, Any]] = {}
"""(host, port) -> address family and address of the last successful connection."""


def connect(host: str, port: int) -> socket.socket:
    """Return a TCP connection. Raises OSError.

    A host name is resolved again only after a connection to its known address has failed: gevent resolves each name in
    a thread, and that takes half of the time of a connection.
    """
    if (host, port) not in addresses:
        connection = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        with contextlib.suppress(OSError):  # the connection has ended already; the first read reports that
            addresses[host, port] = connection.family, connection.getpeername()
        return connection
    family, address = addresses[host, port]
    connection = socket.socket(family)
    try:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(address)
    except BaseException:  # includes GreenletExit, if the screen's greenlet is killed meanwhile
        connection.close()
        addresses.pop((host, port), None)
        raise
    return connection


class GeventScreen:
    """One screen of a store at http(s)://host:port."""

    def __init__(self, url: str, path: str, name: str, store: str) -> None:
        self.path, self.name, self.store, self.url = path, name, store, url
        self._socket: socket.socket | None = None
        self._open = self._was_open = False
        self._last_received = 0.0

    def run(self, connections: list[ConnectionRecord]) -> None:
        """Stay connected, and connect again after each loss, until the greenlet is killed. Never returns.

        Adds a record of each connection that was opened, after it has ended.
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
                raise
            finally:
                self._open = False
                connection.closed = time.monotonic()
                if connection.opened:
                    attempts = 0
                    connections.append(connection)
                if self._socket:
                    self._socket.close()
            gevent.sleep(reconnect_delay(attempts))
            attempts += 1

    def cut(self) -> None:
        """Break the connection, as a power cut does. Does nothing while the screen is not connected."""
        with contextlib.suppress(OSError):
            if self._socket:
                self._socket.shutdown(socket.SHUT_RDWR)

    def send_heartbeat(self) -> None:
        """Send the page's heartbeat if the connection is open; break the connection if it has been silent too long."""
        if time.monotonic() - self._last_received > SILENCE_SECONDS:
            self.cut()
        with contextlib.suppress(OSError):  # `_receive` notices that the connection is broken
            if self._socket and self._open:
                self._socket.sendall(frame(TEXT, b"ping"))

    def _connect(self) -> None:
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        self._last_received = time.monotonic()
        self._socket = connect(parts.hostname or "", parts.port or (443 if secure else 80))
        if secure:
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=parts.hostname)
        # Reads have no timeout, because a timer for each read would take a tenth of the generator's CPU time.
        # `send_heartbeat` breaks silent connections instead.
        self._socket.settimeout(None)
        self._socket.sendall(handshake(parts.netloc, self.path, self.url))

    def _receive(self, connection: ConnectionRecord) -> None:
        """Record what arrives until the connection ends; its close code is then in the record.

        Raises OSError if the server refuses the handshake or the connection breaks.
        """
        assert self._socket
        incoming = Incoming()
        while data := self._socket.recv(4096):
            at = self._last_received = time.monotonic()
            for opcode, payload in incoming.feed(data):
                if opcode == TEXT and (paint := parse_paint(at, payload)):
                    connection.paints.append((at, paint.seq, paint.till))
                elif opcode == PING:
                    self._socket.sendall(frame(PONG, payload))
                elif opcode == CLOSE:
                    connection.code = close_code(payload)
                    self._socket.sendall(frame(CLOSE, payload[:2]))
                    return
            if incoming.status not in {0, 101}:
                raise ConnectionRefusedError(f"HTTP status {incoming.status}")
            if incoming.status and not connection.opened:
                connection.opened = at
                if self._was_open:
                    # The page says this after a reconnect; the server counts reconnects in its metrics.
                    self._socket.sendall(frame(TEXT, b"again"))
                self._open = self._was_open = True
