"""The saboteur: a way to the real service on which some screens' repaints are lost, doubled, swapped, early or late."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import chain, repeat

from loadtests.clients.websocket_frames import NUMBER, TEXT, Incoming, painted
from loadtests.verdict.ledger import (
    CUT_SHORT,
    HELD_TOO_LONG,
    NEVER_CALLED,
    NEVER_SHOWN,
    NEVER_TAKEN_DOWN,
    OUT_OF_ORDER,
    SHOWN_TWICE,
)

LATE_SECONDS, EARLY_SECONDS = 1.5, 1.0
Send = Callable[[bytes, float], None]
"""Takes a repaint, and in how many seconds the screen shall have it."""


class Honest:
    """Passes every repaint on as it comes; `numbers` counts those of calls."""

    def __init__(self, send: Send) -> None:
        self.send, self.numbers, self.waiting = send, 0, b""

    def paint(self, payload: bytes) -> None:
        if NUMBER.search(payload):
            self.numbers += 1
            self.number(payload)
        else:
            self.waiting = payload
            self.wait(payload)

    def number(self, payload: bytes) -> None:
        self.send(payload, 0)

    def wait(self, payload: bytes) -> None:
        self.send(payload, 0)


class Loses(Honest):
    def number(self, payload: bytes) -> None:
        if self.numbers > 1:
            self.send(payload, 0)


class Doubles(Honest):
    def number(self, payload: bytes) -> None:
        self.send(payload, 0)
        if self.numbers == 1:
            self.send(payload, 0)


class Shortens(Honest):
    def number(self, payload: bytes) -> None:
        self.send(payload, 0)
        if self.numbers == 1:
            self.send(self.waiting, EARLY_SECONDS)


class Delays(Honest):
    """Everything after the first number is late by the same time, so that only that number's hold is too long."""

    def number(self, payload: bytes) -> None:
        self.send(payload, LATE_SECONDS if self.numbers > 1 else 0)

    def wait(self, payload: bytes) -> None:
        self.send(payload, LATE_SECONDS if self.numbers else 0)


class NeverResets(Honest):
    def wait(self, payload: bytes) -> None:
        if not self.numbers:
            self.send(payload, 0)


class Swaps(Honest):
    kept = b""

    def number(self, payload: bytes) -> None:
        if self.numbers == 1:
            self.kept = payload
            return
        self.send(payload, 0)
        if self.numbers == 2:
            self.send(self.kept, 0)


class Invents(Honest):
    def number(self, payload: bytes) -> None:
        self.send(payload, 0)
        if self.numbers == 2:
            self.send(re.sub(rb'data-num-cashier="\d+"', b'data-num-cashier="77"', payload), EARLY_SECONDS)


KINDS: dict[str, type[Honest]] = {
    NEVER_SHOWN: Loses,
    SHOWN_TWICE: Doubles,
    CUT_SHORT: Shortens,
    HELD_TOO_LONG: Delays,
    NEVER_TAKEN_DOWN: NeverResets,
    OUT_OF_ORDER: Swaps,
    NEVER_CALLED: Invents,
}


@asynccontextmanager
async def sabotage(port: int) -> AsyncIterator[int]:
    """A port that leads to `port`; the first screens that come over it are sabotaged, each in one of all ways."""
    ways = chain(KINDS.values(), repeat(Honest))

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        upstream, downstream = await asyncio.open_connection("127.0.0.1", port)
        downstream.write(request)
        is_screen = b"upgrade: websocket" in request.lower()
        back = frames(upstream, writer, next(ways)) if is_screen else copy(upstream, writer)
        await asyncio.gather(copy(reader, downstream), back, return_exceptions=True)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: type[Honest]) -> None:
    """Pass on what the server says, its repaints by way of a saboteur."""
    loop, incoming = asyncio.get_running_loop(), Incoming()

    def send(payload: bytes, seconds: float) -> None:
        loop.call_later(seconds, writer.write, server_frame(TEXT, payload))

    saboteur = way(send)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(head)
    assert not list(incoming.feed(head))
    while data := await reader.read(65536):
        for opcode, payload in incoming.feed(data):
            if opcode == TEXT and painted(0, payload):
                saboteur.paint(payload)
            else:
                writer.write(server_frame(opcode, payload))
    writer.close()


def server_frame(opcode: int, payload: bytes) -> bytes:
    """As a server sends it: not masked."""
    size = len(payload)
    length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + payload
