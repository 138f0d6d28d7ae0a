"""The HTTP connections over which the benchmark sends its presses.

The requests are prepared in advance. From each answer, only the HTTP status is used.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

from loadtests.bench.bench_screen import bound_socket

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class PressConnection(asyncio.Protocol):
    """One HTTP connection that stays open. It sends one press at a time."""

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

    async def press(self, request: bytes) -> None:
        """Send a press and wait for its answer.

        Raises ConnectionError if the connection breaks or the press is refused. Refused presses must not be counted in
        the number of presses per second.
        """
        if self._lost:
            raise ConnectionError("the connection was lost before the request")
        self._answered = asyncio.get_running_loop().create_future()
        cast(asyncio.Transport, self._transport).write(request)
        status = await self._answered
        if not 200 <= status < 300:
            raise ConnectionError(f"a press was answered with {status}")

    def close(self) -> None:
        cast(asyncio.Transport, self._transport).close()


async def open_press_connections(url: str, count: int) -> list[PressConnection]:
    """Open `count` connections. Each connection uses the next of the client's loopback addresses."""
    parts, loop, connections = urlsplit(url), asyncio.get_running_loop(), []
    for number in range(count):
        sock = bound_socket(number)
        await loop.sock_connect(sock, (str(parts.hostname), int(parts.port or 80)))
        connections.append((await loop.create_connection(PressConnection, sock=sock))[1])
    return connections


async def press_at_full_rate(
    connections: list[PressConnection], requests: Iterator[bytes], concurrent: int, seconds: float
) -> float:
    """Press as often as possible, and return the presses per second.

    Each press uses the connection that has been free for the longest time, so that all connections press equally often.
    Otherwise some connections would press too often, and Nginx would refuse their presses.

    concurrent: how many presses wait for their answer at any time. Raises ConnectionError if a press is refused.
    """
    started, count, free = time.monotonic(), 0, deque(connections)

    async def press_until_over() -> None:
        nonlocal count
        while time.monotonic() - started < seconds:
            connection = free.popleft()
            await connection.press(next(requests))
            free.append(connection)
            count += 1

    await asyncio.gather(*(press_until_over() for _ in range(concurrent)))
    return count / (time.monotonic() - started)


async def press_on_schedule(
    connections: list[PressConnection], requests: Iterator[bytes], per_second: float, seconds: float
) -> list[float]:
    """Press at a fixed rate. Return one time in seconds for each press.

    The time begins when the press was due, and ends with the answer.

    A press that is sent late is therefore measured with its whole delay. Raises an ExceptionGroup with a
    ConnectionError if a press is refused.
    """
    started, free, latencies = time.monotonic(), asyncio.Queue[PressConnection](), []
    for connection in connections:
        free.put_nowait(connection)

    async def press(due: float, connection: PressConnection) -> None:
        await connection.press(next(requests))
        latencies.append(time.monotonic() - due)
        free.put_nowait(connection)

    async with asyncio.TaskGroup() as group:
        for number in range(int(per_second * seconds)):
            due = started + number / per_second
            await asyncio.sleep(max(due - time.monotonic(), 0))
            group.create_task(press(due, await free.get()))
    return latencies
