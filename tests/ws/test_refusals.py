"""A replica closes a connection if it is not a screen, or if it sends a frame that no screen sends.

The close frame contains a code and a reason.
"""

import asyncio
from functools import partial
from urllib.parse import urlsplit

import pytest

from cashier_local.ports import wait_until
from cashier_ws.consumers import same_origin
from loadtests.clients.asyncio_screen import AsyncioScreen, open_screen
from loadtests.clients.websocket_frames import TEXT, frame
from tests.support.ws_server import path_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("path", "origin", "code", "reason"),
    [
        ("/ws/cashier_q", None, 4401, "no ticket"),
        ("/ws/cashier_q?ticket=", None, 4401, "no ticket"),
        ("/ws/cashier_q?ticket=made-up", None, 4403, "the ticket isn't ours"),
        (path_of("a", key="another key " * 4), None, 4403, "the ticket isn't ours"),
        (path_of("a").replace("/a?", "/b?"), None, 4403, "the ticket is another store's"),
        (path_of("a").replace("/a?", "?"), None, 4403, "the ticket is another store's"),
        (path_of("a"), "https://evil.example", 4403, "foreign Origin"),
        (path_of("a"), "", 4403, "foreign Origin"),
        (path_of("a"), "http://127.0.0.1", 4403, "foreign Origin"),
        ("/ws/other", None, 4404, "no such path"),
        ("/ws/cashier_q/no/such", None, 4404, "no such path"),
    ],
)
async def test_a_connection_that_is_not_a_screen_is_closed_with_a_reason(server, path, origin, code, reason) -> None:
    screen = await open_screen(server.url, path, origin=origin)

    assert await screen.until_closed(5) == code
    assert screen.reason == reason
    assert screen.painted == []


async def test_a_page_with_the_origin_null_is_refused(server) -> None:
    screen = AsyncioScreen(urlsplit(server.url).netloc, path_of("a"), "null")
    await asyncio.get_running_loop().create_connection(lambda: screen, "127.0.0.1", server.port)
    code = await screen.until_closed(5)

    # Behind Daphne, the library autobahn refuses a handshake with the origin "null" with HTTP status 400. uvicorn
    # accepts such a handshake, and then the ws application closes the websocket with code 4403.
    assert (screen.status, code) in {(400, 1006), (101, 4403)}


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://shop.example", "shop.example", True),
        ("http://shop.example", "shop.example:80", True),
        ("https://shop.example", "shop.example", True),
        ("https://shop.example:8443", "shop.example:8443", True),
        ("http://SHOP.example", "shop.EXAMPLE", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://shop.example", "shop.example:8000", False),
        ("http://shop.example.evil.example", "shop.example", False),
        ("http://shop.example:notaport", "shop.example", False),
        ("http://[broken", "shop.example", False),
        ("file://shop.example", "shop.example", False),
        ("null", "shop.example", False),
        ("", "", False),
        ("http://", "", False),
    ],
)
async def test_an_origin_is_accepted_if_its_host_is_ours(origin, host, same) -> None:
    assert same_origin(origin, host) is same


async def test_a_heartbeat_is_answered(server, store) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    screen.send(1, b"ping")

    assert await screen.until_answered(5) == b"pong"
    screen.close()


async def test_a_heartbeat_together_with_a_close_frame_leaves_no_traceback(server, store, press) -> None:
    bystander = await open_screen(server.url, path_of(store))
    await bystander.until(1, 5)
    for _ in range(5):
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        screen.send_raw(b"\x81\x84\0\0\0\0ping" + b"\x88\x82\0\0\0\0\x03\xe8")
        screen.close()
    # The fixture `server` checks that the log contains no exception. Daphne logs exceptions only once a second, so the
    # test waits until a call of 1.5 s has ended.
    press(4, hold_ms=1500)
    await bystander.until(3, 5)
    bystander.close()


async def test_garbage_is_ignored_and_the_screen_goes_on(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    for garbage in (b"", b"{}", b"<script>", b'{"type": "cashier.message", "num_cashier": 4}', b"\0" * 100):
        screen.send(1, garbage)
    press(4, hold_ms=300)
    await screen.until(3, 5)

    assert [paint.till for paint in screen.painted] == [0, 4, 0]
    assert screen.closed is None
    screen.close()


@pytest.mark.parametrize(
    ("opcode", "payload", "code"),
    [(2, b"\x00\x01", 1003), (1, b"x" * 1500, 1009), (1, b"\xff\xfe", 1007), (3, b"", 1002)],
    ids=["binary", "oversized", "not UTF-8", "reserved opcode"],
)
async def test_a_frame_that_no_screen_sends_closes_the_socket(shared_server, store, opcode, payload, code) -> None:
    screen = await open_screen(shared_server.url, path_of(store))
    await screen.until(1, 5)
    screen.send(opcode, payload)

    assert await screen.until_closed(5) == code
    assert len(screen.painted) == 1
    # uvicorn logs a traceback if a text is not UTF-8. The log must contain it before the next test begins.
    is_logged = partial(shared_server.log.has, f"screen closed [cashier_ws.consumers] store={store} ")
    await asyncio.to_thread(wait_until, is_logged, 5, "the replica logs that the screen was closed")


async def test_more_frames_than_a_screen_sends_close_the_socket(server, store) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    # All frames are sent at once. If more frames arrived after the socket was closed, the kernel would reset the
    # connection, and the Close frame could be lost.
    screen.send_raw(frame(TEXT, b"ping") * 50)

    assert await screen.until_closed(5) == 1008
    assert screen.reason == "too many frames"


@pytest.mark.parametrize("broken", [b"\x81", b"\x81\xfe\xff", b"\xff\xff\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"])
async def test_broken_frames_leave_no_traceback_and_do_not_change_other_screens(server, store, press, broken) -> None:
    bystander = await open_screen(server.url, path_of(store))
    screen = await open_screen(server.url, path_of(store))
    await bystander.until(1, 5)
    screen.send_raw(broken)
    screen.close()
    press(4, hold_ms=300)
    await bystander.until(3, 5)

    assert [paint.till for paint in bystander.painted] == [0, 4, 0]
    bystander.close()


async def test_a_header_that_cannot_be_read_is_refused_without_a_traceback(server, store) -> None:
    head = f"GET {path_of(store)} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.url}\r\n"
    head += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    head += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode() + b"Sec-WebSocket-Protocol: \xe9\r\n\r\n")
    status = (await reader.readline()).split()[1]
    writer.close()

    assert status == b"400" or server.argv[0].endswith("uvicorn")
