"""A proxy in front of the real system. It damages what some screens receive, in ways that the ledger must notice."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import chain, repeat

from loadtests.clients.websocket_frames import NUMBER, TEXT, Incoming, parse_paint
from loadtests.verdict.ledger import (
    CUT_SHORT,
    HELD_TOO_LONG,
    NEVER_CALLED,
    NEVER_SHOWN,
    NEVER_TAKEN_DOWN,
    OUT_OF_ORDER,
    SHOWN_PAST_END,
    SHOWN_TWICE,
)

LATE_SECONDS, EARLY_SECONDS = 1.5, 1.0
Send = Callable[[bytes, float], None]
"""A function that sends a fragment to the screen after the given number of seconds."""


class Unchanged:
    """Forwards every fragment at once. Its subclasses change, delay, repeat or drop some fragments.

    `numbers` counts the fragments that show a number.
    """

    def __init__(self, send: Send) -> None:
        self.send, self.numbers, self.last_idle = send, 0, b""

    def forward(self, payload: bytes) -> None:
        if NUMBER.search(payload):
            self.numbers += 1
            self.forward_number(payload)
        else:
            self.last_idle = payload
            self.forward_idle(payload)

    def forward_number(self, payload: bytes) -> None:
        self.send(payload, 0)

    def forward_idle(self, payload: bytes) -> None:
        self.send(payload, 0)


class FirstNumberMissing(Unchanged):
    def forward_number(self, payload: bytes) -> None:
        if self.numbers > 1:
            self.send(payload, 0)


class FirstNumberTwice(Unchanged):
    def forward_number(self, payload: bytes) -> None:
        self.send(payload, 0)
        if self.numbers == 1:
            self.send(payload, 0)


class FirstNumberTooShort(Unchanged):
    def forward_number(self, payload: bytes) -> None:
        self.send(payload, 0)
        if self.numbers == 1:
            self.send(self.last_idle, EARLY_SECONDS)


class FirstNumberTooLong(Unchanged):
    """Delays every fragment after the first number by LATE_SECONDS.

    So the first number is shown too long. Each later number is shown late, but for the right time.
    """

    def forward_number(self, payload: bytes) -> None:
        self.send(payload, LATE_SECONDS if self.numbers > 1 else 0)

    def forward_idle(self, payload: bytes) -> None:
        self.send(payload, LATE_SECONDS if self.numbers else 0)


class NumbersNeverRemoved(Unchanged):
    def forward_idle(self, payload: bytes) -> None:
        if not self.numbers:
            self.send(payload, 0)


class FirstNumbersSwapped(Unchanged):
    first = b""

    def forward_number(self, payload: bytes) -> None:
        if self.numbers == 1:
            self.first = payload
            return
        self.send(payload, 0)
        if self.numbers == 2:
            self.send(self.first, 0)


class NumberInvented(Unchanged):
    """Shows a call of till 77, although nobody has pressed at till 77."""

    def forward_number(self, payload: bytes) -> None:
        self.send(payload, 0)
        if self.numbers == 2:
            self.send(re.sub(rb'data-num-cashier="\d+"', b'data-num-cashier="77"', payload), EARLY_SECONDS)


class AllNumbersLate(Unchanged):
    """Delays the first number and all later fragments by LATE_SECONDS.

    Therefore each number is shown for the right time, but is still shown after the end of its call.
    """

    def forward_number(self, payload: bytes) -> None:
        self.send(payload, LATE_SECONDS)

    def forward_idle(self, payload: bytes) -> None:
        self.send(payload, LATE_SECONDS if self.numbers else 0)


DAMAGES: dict[str, type[Unchanged]] = {
    NEVER_SHOWN: FirstNumberMissing,
    SHOWN_TWICE: FirstNumberTwice,
    CUT_SHORT: FirstNumberTooShort,
    HELD_TOO_LONG: FirstNumberTooLong,
    NEVER_TAKEN_DOWN: NumbersNeverRemoved,
    OUT_OF_ORDER: FirstNumbersSwapped,
    NEVER_CALLED: NumberInvented,
    SHOWN_PAST_END: AllNumbersLate,
}
"""The kinds of faults that the ledger must notice, each with the class of the proxy that causes this fault.

The kind SHOWN_THOUGH_CANCELLED is missing, because the profile `smoke` cancels no calls."""


@asynccontextmanager
async def faulty_proxy(port: int) -> AsyncIterator[int]:
    """Run a proxy for the server at `port`, and yield the proxy's own port.

    DAMAGES contains one class for each kind of damage. The first screen that connects gets the first damage, the second
    screen gets the second damage, and so on. All later screens get unchanged fragments.
    """
    damages = chain(DAMAGES.values(), repeat(Unchanged))

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        to_server.write(request)
        is_screen = b"upgrade: websocket" in request.lower()
        answers = copy_frames(from_server, writer, next(damages)) if is_screen else copy(from_server, writer)
        await asyncio.gather(copy(reader, to_server), answers, return_exceptions=True)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def copy_frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, damage: type[Unchanged]) -> None:
    """Copy what the server sends to the screen. Fragments go through an instance of `damage`, which may change them."""
    loop, incoming = asyncio.get_running_loop(), Incoming()

    def send(payload: bytes, seconds: float) -> None:
        loop.call_later(seconds, writer.write, server_frame(TEXT, payload))

    fragments = damage(send)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(head)
    assert not list(incoming.feed(head))
    while data := await reader.read(65536):
        for opcode, payload in incoming.feed(data):
            if opcode == TEXT and parse_paint(0, payload):
                fragments.forward(payload)
            else:
                writer.write(server_frame(opcode, payload))
    writer.close()


def server_frame(opcode: int, payload: bytes) -> bytes:
    """Return an unmasked websocket frame, as a server sends it."""
    size = len(payload)
    length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + payload
