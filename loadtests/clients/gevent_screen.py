"""The green screen: one screen on a greenlet of its own, for Locust, which runs thousands of them in a process."""

import contextlib
import random
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import gevent

from loadtests.clients.websocket_frames import CLOSE, PING, PONG, TEXT, Incoming, close_code, frame, handshake, painted
from loadtests.measure.records import Stay

BASE_SECONDS, CAP_SECONDS = 2.0, 10.0
"""Full jitter, as in screen.js."""
CONNECT_SECONDS = 10.0
BEAT_SECONDS = 15.0
"""Between two heartbeats, as in screen.js."""
SILENCE_SECONDS = 45.0
"""The server pings within 20 s; a connection that is silent for longer is dead."""


addresses: dict[tuple[str, int], tuple[int, Any]] = {}
"""Family and address at which a host and port were reached."""


def reach(host: str, port: int) -> socket.socket:
    """A connection. Raises OSError.

    A name is looked up again only after its address wasn't reached any more: gevent asks a thread for each, which is
    half of what a connection costs.
    """
    if (host, port) not in addresses:
        connection = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        with contextlib.suppress(OSError):  # it is gone already, as whoever reads from it will notice
            addresses[host, port] = connection.family, connection.getpeername()
        return connection
    family, address = addresses[host, port]
    connection = socket.socket(family)
    try:
        connection.settimeout(CONNECT_SECONDS)
        connection.connect(address)
    except BaseException:  # also if the screen's greenlet is killed
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
        self._heard = 0.0

    def hang(self, stays: list[Stay]) -> None:
        """Hold a connection, and another one whenever it is lost, until the greenlet is killed. Never returns."""
        attempts = 0
        while True:
            stay = Stay(self.name, self.store, 0.0, code=1006, asked=time.monotonic())
            try:
                self._connect()
                self._listen(stay)
            except OSError:
                pass
            except gevent.GreenletExit:
                stay.code = 0
                raise
            finally:
                self._open = False
                stay.closed = time.monotonic()
                if stay.opened:
                    attempts = 0
                    stays.append(stay)
                if self._socket:
                    self._socket.close()
            gevent.sleep(random.uniform(0, min(CAP_SECONDS, BASE_SECONDS * 2**attempts)))
            attempts += 1

    def cut(self) -> None:
        """Lose the connection, as when the power goes."""
        with contextlib.suppress(OSError):  # it has none just now
            if self._socket:
                self._socket.shutdown(socket.SHUT_RDWR)

    def beat(self) -> None:
        """The page's heartbeat, if it is open just now; and the end of a connection that has been silent for long."""
        if time.monotonic() - self._heard > SILENCE_SECONDS:
            self.cut()
        with contextlib.suppress(OSError):  # `_listen` notices
            if self._socket and self._open:
                self._socket.sendall(frame(TEXT, b"ping"))

    def _connect(self) -> None:
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        self._heard = time.monotonic()
        self._socket = reach(parts.hostname or "", parts.port or (443 if secure else 80))
        if secure:
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=parts.hostname)
        self._socket.settimeout(None)  # a timer for each read is a tenth of what the generator does; see `beat`
        self._socket.sendall(handshake(parts.netloc, self.path, self.url))

    def _listen(self, stay: Stay) -> None:
        """Returns when the connection has ended, with the code in `stay`. Raises OSError if it was refused or broke."""
        assert self._socket
        incoming = Incoming()
        while data := self._socket.recv(4096):
            at = self._heard = time.monotonic()
            for opcode, payload in incoming.feed(data):
                if opcode == TEXT and (paint := painted(at, payload)):
                    stay.paints.append((at, paint.seq, paint.till))
                elif opcode == PING:
                    self._socket.sendall(frame(PONG, payload))
                elif opcode == CLOSE:
                    stay.code = close_code(payload)
                    self._socket.sendall(frame(CLOSE, payload[:2]))
                    return
            if incoming.status not in {0, 101}:
                raise ConnectionRefusedError(f"HTTP status {incoming.status}")
            if incoming.status and not stay.opened:
                stay.opened = at
                if self._was_open:
                    self._socket.sendall(frame(TEXT, b"again"))  # for the operator's figures
                self._open = self._was_open = True
