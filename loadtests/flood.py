"""A stranger who floods the system from one address. `make load PROFILE=flood` starts this program.

`python -m loadtests.flood URL SECONDS PATH...` requests each path for SECONDS seconds, one path after another, over
2,000 connections without pause. During the whole time it also holds 10,000 connections with half a request head, and
200 connections that send the body of an upload very slowly. At the end it prints one JSON object: for each path, how
often each HTTP status was the answer.

The program runs with the lowest priority, because it shares the machine with the system that is tested. It accepts only
addresses of this machine.
"""

import asyncio
import contextlib
import json
import os
import resource
import socket
import sys
from collections import Counter
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

CONNECTIONS = 2_000
HALF_HEADS = 10_000
SLOW_BODIES = 200
CONNECTS_AT_ONCE = 200
SOURCE = "127.0.0.66"
"""The address from which the flood comes. All addresses that begin with 127 belong to this machine. The screens and the
tills of the load test have the address 127.0.0.1. The addresses differ, because in reality a stranger does not have the
address of a store."""
HALF_HEAD = b"GET /sign_in HTTP/1.1\r\nHost: "


def slow_head(host: str) -> bytes:
    """Return the head of an upload whose body has 1 MB."""
    head = ["POST /admin/ HTTP/1.1", f"Host: {host}", "Content-Type: text/plain", "Content-Length: 1000000"]
    return "\r\n".join([*head, "", ""]).encode()


class FloodConnection(asyncio.Protocol):
    """One connection of the flood. closed: a future that is done when the connection has ended."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():  # The future is cancelled at the end of the flood.
            self.closed.set_result(None)


class Requests(FloodConnection):
    """A connection that sends the same request again as soon as it has received an answer."""

    def __init__(self, request: bytes, counted: Counter[str]) -> None:
        super().__init__()
        self._request, self._counted, self._received = request, counted, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), None)
        # An answer without a Content-Length is chunked, and ends with an empty chunk.
        is_complete = body.endswith(b"0\r\n\r\n") if length is None else len(body) >= length
        if is_complete:
            self._counted[head[9:12].decode()] += 1
            self._received = b""
            self.transport.write(self._request)


class Incomplete(FloodConnection):
    """A connection that sends the begin of a request, and then `rest` once a second. It ignores every answer."""

    def __init__(self, begin: bytes, rest: bytes) -> None:
        super().__init__()
        self._begin, self._rest = begin, rest

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(self._begin)
        if self._rest:
            self._send_more()

    def _send_more(self) -> None:
        if not self.closed.done():
            self.transport.write(self._rest)
            asyncio.get_running_loop().call_later(1, self._send_more)


class Flood:
    """Holds connections of all kinds, and opens each one again whenever the system closes it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        address = socket.gethostbyname(self.host)
        if not address.startswith("127."):
            raise SystemExit(f"{self.host} is not an address of this machine")
        self._connecting = asyncio.Semaphore(CONNECTS_AT_ONCE)

    async def hold(self, connection_factory: Callable[[], FloodConnection]) -> None:
        """Keep one connection open until the task is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with self._connecting:
                    transport, connection = await loop.create_connection(
                        connection_factory, self.host, self.port, local_addr=(SOURCE, 0)
                    )
            except OSError:
                # The system refuses connections. Without this pause, the program would do nothing but try to connect.
                await asyncio.sleep(0.1)
                continue
            try:
                await connection.closed
            finally:
                transport.abort()

    async def request(self, path: str, seconds: float) -> Counter[str]:
        """Request the path over all connections for this many seconds, and count the statuses of the answers."""
        request = f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n\r\n".encode()
        counted: Counter[str] = Counter()
        await self.hold_for(seconds, [lambda: Requests(request, counted)] * CONNECTIONS)
        return counted

    async def hold_for(self, seconds: float, factories: list[Callable[[], FloodConnection]]) -> None:
        """Keep one connection for each factory open for this many seconds. A factory creates a connection."""
        tasks = [asyncio.ensure_future(self.hold(factory)) for factory in factories]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def main(url: str, seconds: float, paths: list[str]) -> None:
    flood = Flood(url)
    body = slow_head(f"{flood.host}:{flood.port}")
    half_heads: list[Callable[[], FloodConnection]] = [lambda: Incomplete(HALF_HEAD, b"")] * HALF_HEADS
    slow_bodies: list[Callable[[], FloodConnection]] = [lambda: Incomplete(body, b"x")] * SLOW_BODIES
    background = asyncio.ensure_future(flood.hold_for(seconds * len(paths), half_heads + slow_bodies))
    answers = {path: dict(await flood.request(path, seconds)) for path in paths}
    await background
    print(json.dumps(answers))


if __name__ == "__main__":
    with contextlib.suppress(OSError):
        os.nice(19)
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
