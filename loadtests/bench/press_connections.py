"""The presser: connections that send requests which are made already, and read only the status of the answer."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

from loadtests.bench.bench_screen import bound_socket

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Line(asyncio.Protocol):
    """One connection that is kept open; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[int] | None = None
        self._data = b""
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if separator and len(body) >= int(length[1] if length else 0) and self._answered:
            self._data = b""
            self._answered.set_result(int(head.split()[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._answered and not self._answered.done():
            self._answered.set_exception(ConnectionError("the connection was lost before the answer"))

    async def ask(self, request: bytes) -> int:
        """Status of the answer. Raises ConnectionError."""
        if self._lost:
            raise ConnectionError("the connection was lost before the request")
        self._answered = asyncio.get_running_loop().create_future()
        cast(asyncio.Transport, self._transport).write(request)
        return await self._answered

    def close(self) -> None:
        cast(asyncio.Transport, self._transport).close()


async def open_lines(url: str, count: int) -> list[Line]:
    """So many connections, each of an address of its own."""
    parts, loop, lines = urlsplit(url), asyncio.get_running_loop(), []
    for number in range(count):
        sock = bound_socket(number)
        await loop.sock_connect(sock, (str(parts.hostname), int(parts.port or 80)))
        lines.append((await loop.create_connection(Line, sock=sock))[1])
    return lines


async def flat_out(lines: list[Line], requests: Iterator[bytes], at_once: int, seconds: float) -> float:
    """Requests per second, with so many always under way. Raises ConnectionError if one is refused.

    The lines take turns, because a server may answer a few of what is under way before all others, and Nginx would
    refuse what comes too often from one address.
    """
    started, count, free = time.monotonic(), 0, deque(lines)

    async def go() -> None:
        nonlocal count
        while time.monotonic() - started < seconds:
            line = free.popleft()
            check(await line.ask(next(requests)))
            free.append(line)
            count += 1

    await asyncio.gather(*(go() for _ in range(at_once)))
    return count / (time.monotonic() - started)


async def on_schedule(lines: list[Line], requests: Iterator[bytes], per_second: float, seconds: float) -> list[float]:
    """Seconds from when each request was due until its answer, however late it was sent."""
    started, free, latencies = time.monotonic(), asyncio.Queue[Line](), []
    for line in lines:
        free.put_nowait(line)

    async def one(due: float, line: Line) -> None:
        check(await line.ask(next(requests)))
        latencies.append(time.monotonic() - due)
        free.put_nowait(line)

    async with asyncio.TaskGroup() as group:
        for number in range(int(per_second * seconds)):
            due = started + number / per_second
            await asyncio.sleep(max(due - time.monotonic(), 0))
            group.create_task(one(due, await free.get()))
    return latencies


def check(status: int) -> None:
    """Raises ConnectionError if a press was refused: then the rate would be one of refusals."""
    if not 200 <= status < 300:
        raise ConnectionError(f"a press was answered with {status}")
