"""The screens: raw ones, connected to a store's websocket."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from loadtests.rawscreen import RawScreen

OPEN_SECONDS = 30.0
AT_ONCE = 100
"""Screens that are being opened at the same time."""
PORTS = {"http": 80, "https": 443}


async def open_screen(
    url: str,
    path: str,
    *,
    origin: str | None = None,
    buffer: int | None = None,
    trust: ssl.SSLContext | None = None,
) -> RawScreen:
    """Connect one screen to http://host:port, or https://. Raises ConnectionError where the handshake is refused.

    trust: whose certificates are believed; the system's by default.
    buffer: bytes that the kernel receives ahead of the screen. Set before it connects: a TCP window that shrinks
    later makes the peer's segments, and its reset, fall outside of it.
    """
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()

    def make() -> RawScreen:
        return RawScreen(parts.netloc, path, origin if origin is not None else url)

    sock = socket.socket()
    sock.setblocking(False)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    try:
        await loop.sock_connect(sock, (parts.hostname or "", parts.port or PORTS[parts.scheme]))
    except BaseException:
        sock.close()
        raise
    tls: dict[str, Any] = {}
    if parts.scheme == "https":
        tls = {"ssl": trust or ssl.create_default_context(), "server_hostname": parts.hostname}
    _transport, screen = await loop.create_connection(make, sock=sock, **tls)
    async with asyncio.timeout(OPEN_SECONDS):
        await screen.opened
    return screen


async def open_screens(url: str, path: str, count: int) -> Sequence[RawScreen]:
    """Connect `count` screens, and wait until each has its first paint."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> RawScreen:
        async with room:
            screen = await open_screen(url, path)
            await screen.until(1, OPEN_SECONDS)
            return screen

    return await asyncio.gather(*(one() for _ in range(count)))
