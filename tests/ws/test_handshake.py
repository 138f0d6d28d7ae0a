"""A replica looks at the first bytes of a connection, and then decides which library handles the connection.

autobahn, the websocket library, handles the handshake of a screen. Daphne's HTTP protocol handles any other request.
"""

import asyncio
import socket
from urllib.parse import urlsplit

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cashier_ws.daphne.handshake import SILENT_SECONDS, FirstBytes, read_handshake
from loadtests.clients.websocket_frames import handshake
from tests.support.ws_server import path_of, serve

HEAD = (
    b"GET /ws/cashier_q/one?ticket=a:b-_c HTTP/1.1\r\n"
    b"Upgrade: websocket\r\nConnection: upgrade\r\nHost: screens.example\r\nX-Request-ID: 81b3\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: 2BeO4oj9IHseKnyaM3bG/Q==\r\n\r\n"
)


@pytest.fixture(scope="module")
def daphne(valkey, tmp_path_factory):
    with serve("daphne", valkey.url, tmp_path_factory.mktemp("connection")) as server:
        yield server


def send(url: str, *parts: bytes) -> bytes:
    """Send a request in several parts, each in its own TCP segment. Return the first bytes of the answer."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        return connection.recv(4096)


def test_the_query_of_a_handshake_is_read():
    assert read_handshake(HEAD)["query"] == b"ticket=a:b-_c"


def test_a_handshake_may_have_no_query():
    assert read_handshake(HEAD.replace(b"?ticket=a:b-_c", b""))["query"] is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET ", b"POST "),
        (b"/ws/", b"/"),
        (b"?ticket", b"#?ticket"),
        (b"a:b", "ä:b".encode()),
        (b"a:b", b"a b"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"Upgrade: websocket\r\n", b""),
        (b"Upgrade: websocket", b"Upgrade: h2c"),
        (b"Upgrade: websocket", b"Upgrade:\r\n websocket"),
        (b"Host: ", b"Content-Length: 5\r\nHost: "),
        (b"Host: ", b"transfer-encoding: chunked\r\nHost: "),
        (b"Host: ", b"Ho_st: "),
        (b"Host: ", b": "),
        (b"screens", b"scr\x0beens"),
        (b"screens", b"scr\neens"),
        (b"screens", b"scr\x85eens"),
        (b"screens", b"s" * 8192),
        (b"\r\n\r\n", b"\r\n"),
        (b"\r\n\r\n", b"\r\n\r\nmore"),
    ],
)
def test_a_request_that_parsers_may_understand_differently_is_left_to_daphne(old, new):
    assert old in HEAD
    assert read_handshake(HEAD.replace(old, new, 1)) is None


def test_a_handshake_in_one_piece_is_accepted(daphne, store):
    answer = send(daphne.url, handshake(urlsplit(daphne.url).netloc, path_of(store), daphne.url))

    assert answer.startswith(b"HTTP/1.1 101 ")


def test_a_handshake_in_two_pieces_is_accepted(daphne, store):
    whole = handshake(urlsplit(daphne.url).netloc, path_of(store), daphne.url)
    answer = send(daphne.url, whole[:20], whole[20:])

    assert answer.startswith(b"HTTP/1.1 101 ")


def test_a_request_that_is_not_a_handshake_is_answered_over_http(daphne):
    answer = send(daphne.url, b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_connection_that_sends_nothing_is_closed():
    clock, transport, connection = Clock(), StringTransport(), FirstBytes(server=None)
    connection.callLater = clock.callLater
    connection.makeConnection(transport)
    clock.advance(SILENT_SECONDS - 1)
    assert not transport.disconnecting
    clock.advance(1)

    assert transport.disconnecting


def test_a_connection_that_ends_without_bytes_leaves_no_timer():
    clock, connection = Clock(), FirstBytes(server=None)
    connection.callLater = clock.callLater
    connection.makeConnection(StringTransport())
    connection.connectionLost()

    assert not clock.getDelayedCalls()


@pytest.mark.anyio
async def test_many_connections_that_end_without_bytes_do_not_prevent_a_handshake(daphne, store):
    address = urlsplit(daphne.url)
    for _ in range(50):
        _reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.close()
    answer = send(daphne.url, handshake(address.netloc, path_of(store), daphne.url))

    assert answer.startswith(b"HTTP/1.1 101 ")
    assert not daphne.log.has("Traceback")
