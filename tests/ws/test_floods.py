"""A socket that sends more than a screen sends is closed at once, costs no memory, and disturbs no other screen."""

import asyncio
import contextlib
import socket
from functools import partial
from itertools import pairwise, repeat
from urllib.parse import urlsplit

import psutil
import pytest

from cashier_core import timeline
from cashier_core.call import Policy
from cashier_core.idle import Idle
from cashier_core.tickets import Ticket
from cashier_local.ports import answers, responds, wait_until
from cashier_ws import allowance
from cashier_ws.allowance import BURST, FRAGMENTS, PER_SECOND, Allowance
from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.websocket_frames import CLOSE, PING, PONG, TEXT, frame, handshake
from tests.support.topologies import Log
from tests.support.ws_server import KEY, Server, figures, path_of, serve

pytestmark = pytest.mark.anyio
BINARY = 2
MB = 2**20


def fragment(first_byte: int, payload: bytes = b"") -> bytes:
    """Return one frame of a split message, with a mask of zeros.

    The first byte consists of the FIN bit and an opcode.
    """
    return bytes([first_byte, 0x80 | len(payload)]) + bytes(4) + payload


def endless_frame(first_byte: int) -> bytes:
    """Return the first bytes of a frame that announces 2**62 bytes."""
    return bytes([first_byte, 0xFF]) + (2**62).to_bytes(8, "big") + bytes(4)


FLOODS = {
    "pings": (b"", frame(PING, b""), 1008, "too many frames"),
    "long pings": (b"", frame(PING, b"x" * 125), 1008, "too many frames"),
    "pongs": (b"", frame(PONG, b""), 1008, "too many frames"),
    "heartbeats": (b"", frame(TEXT, b"ping"), 1008, "too many frames"),
    "empty texts": (b"", frame(TEXT, b""), 1008, "too many frames"),
    "reports": (b"", frame(TEXT, b'{"calls":[]}'), 1008, "too many frames"),
    "nested reports": (b"", frame(TEXT, b'{"calls":' + b"[" * 1000), 1008, "too many frames"),
    "fragmented texts": (b"", fragment(TEXT, b"pi") + fragment(0x80, b"ng"), 1008, "too many frames"),
    "empty fragments": (fragment(TEXT), fragment(0), 1008, "too many fragments"),
    "long fragments": (fragment(TEXT), fragment(0, b"x" * 125), 1008, "too many fragments"),
    "fragments between pings": (fragment(TEXT), fragment(0) + frame(PING, b""), 1008, "too many fragments"),
    "long text": (b"", frame(TEXT, b"x" * 1500), 1009, "exceeds payload limit of 1024"),
    "long report": (b"", frame(TEXT, b"{" * 1025), 1009, "exceeds payload limit of 1024"),
    "endless text": (endless_frame(0x81), b"x", 1009, "exceeds payload limit of 1024"),
    "endless fragment": (fragment(TEXT) + endless_frame(0x00), b"x", 1009, "exceeds payload limit of 1024"),
    "endless ping": (endless_frame(0x89), b"x", 1002, "payload length > 125"),
    "unmasked pings": (b"", b"\x89\x00", 1002, "unmasked"),
    "compressed texts": (b"", b"\xc1\x84\0\0\0\0ping", 1002, "no extension negotiated"),
    "random bytes": (b"", b"\xff" * 100, 1002, ""),
}
"""For each kind: the first bytes, the bytes that are repeated, the close code and a part of the reason."""


@pytest.fixture(scope="module")
def replica(valkey, tmp_path_factory):
    with serve("daphne", valkey.url, tmp_path_factory.mktemp("floods")) as server:
        yield server
        assert not server.log.has("Traceback"), "\n".join(server.log.lines)


def flood(url: str, path: str, first: bytes, repeated: bytes, most: int) -> bool:
    """Open a socket that sends as fast as it can and reads nothing. Return whether it was closed.

    most: the number of bytes after which the flood ends.
    """
    address = urlsplit(url)
    block = repeated * (65536 // len(repeated))
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(handshake(address.netloc, path, url))
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
        try:
            connection.sendall(first)
            for _ in range(most // len(block)):
                connection.sendall(block)
        except ConnectionError:
            return True
    return False


def memory_of(process) -> int:
    """The resident memory of a process in bytes."""
    return psutil.Process(process.pid).memory_info().rss


def open_files_of(process) -> list:
    """The files that a process has open. A socket is not such a file."""
    return psutil.Process(process.pid).open_files()


async def screens_of(server, store: str) -> float:
    return (await figures(server)).get(f'cashier_screens{{store="{store}"}}', 0)


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_is_closed_with_a_reason(replica, store, kind) -> None:
    first, repeated, code, reason = FLOODS[kind]
    before = await figures(replica)
    screen = await open_screen(replica.url, path_of(store))
    await screen.until(1, 5)
    screen.send_raw(first + repeated * 2 * BURST)

    assert await screen.until_closed(5) == code
    assert reason in screen.reason
    after = await figures(replica)
    floods = "cashier_ws_floods_closed_total"
    closed = f'cashier_screens_closed_total{{code="{code}"}}'
    assert after[floods] - before[floods] == (code == 1008)
    assert after[closed] - before[closed] == 1


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_that_reads_nothing_is_closed_and_costs_no_memory(replica, store, kind) -> None:
    first, repeated, _, _ = FLOODS[kind]
    await asyncio.to_thread(flood, replica.url, path_of(store), first, repeated, MB)
    before = memory_of(replica)
    is_closed = await asyncio.to_thread(flood, replica.url, path_of(store), first, repeated, 200 * MB)

    assert is_closed
    assert memory_of(replica) - before < 8 * MB
    assert await screens_of(replica, store) == 0


async def test_a_flood_leaves_one_line_in_the_log_for_each_connection(replica, store) -> None:
    path = path_of(store)

    def new_lines() -> list[str]:
        return [line for line in replica.log.lines if f"store={store}" in line]

    for _ in range(5):
        assert await asyncio.to_thread(flood, replica.url, path, b"", frame(PING, b""), 200 * MB)
    await asyncio.to_thread(wait_until, lambda: len(new_lines()) >= 10, 5, "the replica logs the connections")

    assert sum("screen connected" in line for line in new_lines()) == 5
    assert sum("screen closed" in line and "code=1008 why='too many frames'" in line for line in new_lines()) == 5
    assert len(new_lines()) == 10


async def test_other_screens_show_every_call_while_sockets_flood_and_reconnect(replica, store, press) -> None:
    watcher = await open_screen(replica.url, path_of(store))
    await watcher.until(1, 5)
    over = asyncio.Event()

    async def flood_again_and_again(first: bytes, repeated: bytes) -> int:
        rounds = 0
        while not over.is_set():
            with contextlib.suppress(ConnectionError):
                assert await asyncio.to_thread(flood, replica.url, path_of(store), first, repeated, 200 * MB)
            rounds += 1
        return rounds

    before = memory_of(replica)
    floods = [
        asyncio.create_task(flood_again_and_again(*FLOODS[kind][:2])) for kind in ("pings", "pongs", "empty fragments")
    ]
    for seq in range(1, 41):
        await asyncio.to_thread(press, seq % 9 + 1, hold_ms=60_000, policy=Policy.REPLACE)
        await watcher.until(1 + seq, 5)
    over.set()
    rounds = await asyncio.gather(*floods)

    assert [paint.seq for paint in watcher.painted[1:]] == list(range(1, 41))
    assert min(rounds) > 1
    assert memory_of(replica) - before < 16 * MB
    assert watcher.closed is None
    watcher.close()


@pytest.mark.parametrize("kind", ["pings", "pongs", "heartbeats", "empty fragments", "endless text"])
async def test_behind_nginx_a_flood_is_closed_and_other_screens_show_every_call(topology, make_store, kind) -> None:
    slug = make_store()
    path = path_of(slug, key=(topology.folder / "ticket_key").read_text())
    watchers = [await open_screen(topology.url, path) for _ in range(4)]
    for each in watchers:
        await each.until(1, 5)
    before = sum(memory_of(each) for each in topology.replicas)
    is_closed = asyncio.create_task(asyncio.to_thread(flood, topology.url, path, *FLOODS[kind][:2], 200 * MB))
    with contextlib.closing(timeline.connect(topology.redis_url)) as client:
        options = {"idle_language": "en", "hold_ms": 60_000, "policy": Policy.REPLACE}
        for number in (1, 2, 3):
            await asyncio.to_thread(timeline.Timeline(client).press, slug, number, "en", **options)
            for each in watchers:
                await each.until(1 + number, 10)

    assert await is_closed
    assert sum(memory_of(each) for each in topology.replicas) - before < 8 * MB
    assert [[paint.till for paint in each.painted] for each in watchers] == [[0, 1, 2, 3]] * 4
    for each in watchers:
        each.close()


@pytest.mark.serial  # The memory depends on how many connections are closed at the same moment.
async def test_closed_floods_leave_no_memory_and_nothing_for_the_garbage_collector(replica, store) -> None:
    collected = 'python_gc_objects_collected_total{generation="2"}'
    collections = 'python_gc_collections_total{generation="2"}'

    async def wait_for_collections(count: int) -> dict[str, float]:
        begin = (await figures(replica))[collections]
        async with asyncio.timeout(20):
            while (now := await figures(replica))[collections] < begin + count:
                # A replica collects garbage about once a second if a screen has connected.
                (await open_screen(replica.url, path_of(store))).close()
        return now

    async def flood_once() -> None:
        await asyncio.to_thread(flood, replica.url, path_of(store), b"", frame(PING, b"x" * 125), MB)

    # Daphne keeps the object of a closed connection for about a second. Therefore the floods begin before the memory is
    # measured for the first time.
    await asyncio.gather(*(flood_once() for _ in range(300)))
    garbage, memory = [(await wait_for_collections(2))[collected]], [memory_of(replica)]
    for _ in range(3):
        await asyncio.gather(*(flood_once() for _ in range(300)))
        garbage.append((await wait_for_collections(2))[collected])
        memory.append(memory_of(replica))

    # The memory of a process changes by up to 12 MB from one time to the next, also without a leak. With a leak, it
    # grows every time.
    assert min(after - before for before, after in pairwise(memory)) < 4 * MB
    # A connection consists of about 40 objects. If connections were garbage, the collector would find 300 * 40 objects.
    # The collector may find some other garbage, such as the objects of HTTP requests.
    assert max(after - before for before, after in pairwise(garbage)) < 300 * 10


async def test_a_screen_that_reconnects_again_and_again_is_painted_each_time(replica, store) -> None:
    for _ in range(50):
        screen = await open_screen(replica.url, path_of(store))
        screen.send(TEXT, b"again")
        screen.send(TEXT, b"ping")
        await screen.until(1, 5)
        assert await screen.until_answered(5) == b"pong"
        screen.close()


async def test_heartbeats_that_arrive_together_after_a_network_failure_are_answered(replica, store) -> None:
    screen = await open_screen(replica.url, path_of(store))
    await screen.until(1, 5)
    screen.send_raw(frame(TEXT, b"again") + (frame(PONG, b"late") + frame(TEXT, b"ping")) * 9)
    await screen.until_true(lambda: len(screen.answers) == 9, 5)

    assert screen.closed is None
    screen.close()


def test_a_page_stays_within_its_allowance_for_months(monkeypatch) -> None:
    now = 0.0
    monkeypatch.setattr(allowance.time, "monotonic", lambda: now)
    page = Allowance()
    for second in range(90 * 86_400):
        now = float(second)
        # A page sends a heartbeat every 15 s, and answers the server's ping every 20 s.
        for period in (15, 20):
            assert second % period or page.take()


def test_an_allowance_is_a_burst_and_a_rate(monkeypatch) -> None:
    now = 100.0
    monkeypatch.setattr(allowance.time, "monotonic", lambda: now)
    screen = Allowance()
    taken = [screen.take() for _ in range(BURST + 1)]
    now += 3 / PER_SECOND
    later = [screen.take() for _ in range(4)]

    assert taken == [*repeat(True, BURST), False]
    # The time that has passed is enough for three frames. The refused frame was counted, too, so two frames are left.
    assert later == [True, True, False, False]


async def test_a_message_may_have_some_fragments_with_pings_between_them(replica, store) -> None:
    screen = await open_screen(replica.url, path_of(store))
    await screen.until(1, 5)
    parts = [fragment(TEXT, b"p"), frame(PING, b"between"), fragment(0, b"in"), *repeat(fragment(0), FRAGMENTS - 3)]
    screen.send_raw(b"".join(parts) + fragment(0x80, b"g"))

    assert await screen.until_answered(5) == b"pong"
    assert screen.pongs == [b"between"]
    screen.close()


async def test_reports_that_arrive_one_by_one_are_counted_like_all_frames(replica, store) -> None:
    """The replica reads such a report without autobahn, which counts all other frames."""
    screen = await open_screen(replica.url, path_of(store))
    await screen.until(1, 5)
    sent = 0
    while screen.closed is None and sent < 3 * BURST:
        screen.send(TEXT, b'{"calls":[]}')
        sent += 1
        await figures(replica)  # In the meantime, the replica reads the report.

    assert await screen.until_closed(5) == 1008
    assert screen.reason == "too many frames"
    assert sent > BURST


async def test_bytes_after_a_close_frame_are_ignored(replica, store) -> None:
    screen = await open_screen(replica.url, path_of(store))
    await screen.until(1, 5)
    screen.send_raw(frame(CLOSE, b"\x03\xe9") + frame(PING, b"x") * 5000 + b"x" * 5000)

    await screen.until_closed(5)
    assert screen.pongs == []


async def test_a_refused_screen_cannot_flood_either(replica, store) -> None:
    path = path_of(store, key="another key " * 4)
    before = memory_of(replica)

    assert await asyncio.to_thread(flood, replica.url, path, b"", frame(PING, b"x" * 125), 200 * MB)
    assert memory_of(replica) - before < 8 * MB


async def fill_the_buffers_of(server, store, press):
    """Open a screen that reads nothing more, and make calls until the server cannot write to it."""
    screen = await open_screen(server.url, path_of(store), buffer=4096)
    await screen.until(1, 5)
    screen.pause()
    for number in range(1500):
        await asyncio.to_thread(press, number % 9 + 1, hold_ms=60_000, policy=Policy.REPLACE)
    return screen


async def test_only_the_newest_ping_of_a_stuck_screen_is_answered(valkey, tmp_path, store, press) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_STUCK_SECONDS="60") as server:
        screen = await fill_the_buffers_of(server, store, press)
        for number in range(10):
            screen.send(PING, b"%d" % number)
        probe = await open_screen(server.url, path_of(store))
        probe.send(TEXT, b"ping")
        assert await probe.until_answered(5) == b"pong"
        screen.resume()
        await screen.until_true(lambda: bool(screen.pongs) and screen.painted[-1].seq == 1500, 10)

        assert screen.pongs == [b"9"]
        assert screen.closed is None
        for each in (screen, probe):
            each.close()


async def test_a_stuck_screen_that_sends_a_close_frame_is_dropped_although_it_reads_nothing(
    valkey, tmp_path, store, press
) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_STUCK_SECONDS="60") as server:
        screen = await fill_the_buffers_of(server, store, press)
        screen.send(CLOSE, b"\x03\xe9")
        left = partial(server.log.has, "the page was left")
        await asyncio.to_thread(wait_until, left, 10, "the replica drops the connection")

        assert await screens_of(server, store) == 0
        screen.close()


async def test_no_compression_is_negotiated(replica, store) -> None:
    address = urlsplit(replica.url)
    offer = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(handshake(address.netloc, path_of(store), replica.url)[:-2] + offer)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in answer.lower()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /ws/cashier_q?ticket=" + b"x" * 20_000,
        b"GET /ws/cashier_q HTTP/1.1\r\n" + b"X-Padding: x\r\n" * 2_000,
        b"GET /ws/cashier_q HTTP/1.1\r\nX-Padding: " + b"x" * 20_000,
    ],
    ids=["address", "many headers", "long header"],
)
async def test_a_request_head_without_end_is_refused(replica, head) -> None:
    address = urlsplit(replica.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(head)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()

    # Twisted closes the connection without an answer if a single line is too long.
    assert answer.startswith(b"HTTP/1.1 400 ") or not answer


@pytest.mark.parametrize("query", ["?ticket=" + "x" * 5_000, "?ticket=x" + "&a=1" * 100, "?" + "&" * 3_500])
@pytest.mark.parametrize("path", ["/ws/cashier_q", "/ws/other", "/healthz"])
async def test_an_address_that_is_longer_than_that_of_any_screen_is_refused(replica, path, query) -> None:
    address = urlsplit(replica.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(handshake(address.netloc, path + query, replica.url))
    answer = await asyncio.wait_for(reader.readline(), 5)
    writer.close()

    assert answer.split()[1] == b"414"


async def test_the_longest_ticket_is_accepted(replica) -> None:
    slug = "s" * 50
    ticket = Ticket(slug, Idle("en", "\N{GRINNING FACE}" * 120, "a" * 32), "c" * 64)
    screen = await open_screen(replica.url, f"/ws/cashier_q/{slug}?ticket={ticket.sign(KEY)}")
    await screen.until(1, 5)

    assert "\N{GRINNING FACE}" * 120 in screen.painted[0].html
    screen.close()


@pytest.mark.parametrize("is_handshake", [True, False])
async def test_the_body_of_a_request_is_thrown_away(replica, store, is_handshake) -> None:
    address = urlsplit(replica.url)
    before = memory_of(replica)
    files = open_files_of(replica)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = handshake(address.netloc, path_of(store), replica.url)
    if not is_handshake:
        head = head.replace(b"Upgrade: websocket\r\n", b"").replace(b"GET", b"POST")
    writer.write(head[:-2] + b"Content-Length: %d\r\n\r\n" % (100 * MB))
    for _ in range(100):
        writer.write(frame(PING, b"x" * 10) * (MB // 16))
        await writer.drain()
    assert open_files_of(replica) == files
    status = (await reader.readline()).split()[1]
    screen_is_open = await screens_of(replica, store)
    writer.close()

    assert status == (b"101" if is_handshake else b"404")
    assert screen_is_open == is_handshake
    assert memory_of(replica) - before < 8 * MB


NEVER_ACCEPTS = """
import asyncio, sys
from cashier_core import env
env.use_settings("cashier_ws.settings")
from cashier_ws.daphne.server import ScreenCommand
async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
    else:
        await asyncio.Event().wait()
sys.modules["never_accepts"] = type(sys)("never_accepts")
sys.modules["never_accepts"].application = application
ScreenCommand().run([*sys.argv[1:], "never_accepts:application"])
"""


async def test_bytes_before_the_answer_to_the_handshake_end_the_connection(valkey, tmp_path, store) -> None:
    server = Server("daphne", valkey.url, tmp_path, Log())
    module = server.argv.index("-m")
    server.argv[module : module + 2] = ["-c", NEVER_ACCEPTS]
    server.start()
    try:
        address = urlsplit(server.url)
        await asyncio.to_thread(wait_until, partial(answers, server.port), 20, "the replica answers")
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(handshake(address.netloc, path_of(store), server.url))
        await writer.drain()
        # The handshake above was sent first. When the replica has answered this request, it has received the handshake.
        assert await asyncio.to_thread(responds, f"{server.url}/healthz")
        writer.write(handshake(address.netloc, path_of(store), server.url))
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        assert not server.log.has("Traceback"), "\n".join(server.log.lines)
    finally:
        server.stop()
