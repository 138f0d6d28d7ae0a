"""The simulated screens behave as the page of a screen."""

import socket
import time

import pytest

from loadtests.clients.gevent_screen import SILENCE_SECONDS, GeventScreen
from loadtests.clients.websocket_frames import Incoming

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"


@pytest.fixture
def connected() -> tuple[GeventScreen, socket.socket]:
    """A screen with an open connection, and the other end of this connection."""
    screen = GeventScreen("http://127.0.0.1", "/", "screen", "s")
    screen._socket, server = socket.socketpair()
    screen._open = True
    server.settimeout(5)
    return screen, server


def test_a_screen_breaks_its_connection_if_nothing_has_arrived_for_a_while(connected) -> None:
    screen, server = connected
    with server, screen._socket:
        screen._last_received = time.monotonic() - SILENCE_SECONDS - 1
        screen.check_silence()

        assert server.recv(100) == b""


def test_a_screen_keeps_its_connection_if_something_has_arrived(connected) -> None:
    screen, server = connected
    with server, screen._socket:
        screen._last_received = time.monotonic() - SILENCE_SECONDS + 20
        screen.check_silence()
        screen._socket.sendall(b"open")

        assert server.recv(100) == b"open"


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        (b"", []),
        (b"X-Parts: 77 127.0.0.1:2\r\n", ["77", "127.0.0.1:2"]),
        (b"X-Parts: 77 127.0.0.1:1, 127.0.0.1:2\r\n", ["77", "127.0.0.1:2"]),
    ],
)
def test_the_answer_to_the_handshake_names_the_parts_of_the_connection(header, parts) -> None:
    incoming = Incoming()
    list(incoming.feed(ACCEPTED + header + b"\r\n"))

    assert incoming.status == 101
    assert incoming.parts == parts
