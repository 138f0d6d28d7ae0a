"""Links: TCP proxies between the services and Redis, which can disturb the connections of one service."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
DELAY_SECONDS = 0.1
"""How long a delayed link keeps the bytes that it has received."""


class RedisLink:
    """A TCP proxy in front of Redis. Its methods must be called in the event loop that runs `serve`.

    redis: the address and the port of Redis.
    """

    def __init__(self, redis: tuple[str, int]) -> None:
        self._redis = redis
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_cut = False
        self._delay = 0.0
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, host: str, port: int) -> None:
        """Begin to listen on a port. host: an address of this machine."""
        self._server = await asyncio.start_server(self._connect, host, port)

    def close(self) -> None:
        """Stop listening, and break all connections."""
        self._server.close()
        self.cut(True)

    def stall(self, stalled: bool) -> None:
        """Hold back all bytes in both directions, or let them flow again. No byte is lost."""
        self._flows.clear() if stalled else self._flows.set()

    def cut(self, is_cut: bool) -> None:
        """Break all connections and refuse new ones, or accept connections again."""
        self._is_cut = is_cut
        for writer in self._writers if is_cut else ():
            writer.transport.abort()

    def delay(self, delayed: bool) -> None:
        """Delay all bytes by DELAY_SECONDS in each direction, or stop delaying them."""
        self._delay = DELAY_SECONDS if delayed else 0.0

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_redis, to_redis = await asyncio.open_connection(*self._redis)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, to_redis}
        if self._is_cut:
            for end in ends:
                end.transport.abort()
            return
        self._writers |= ends
        copies = [asyncio.create_task(self._copy(*pair)) for pair in ((reader, to_redis), (from_redis, writer))]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                copy.cancel()
            self._writers -= ends
            for end in ends:
                end.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            # One side has broken its connection. This task ends, and `_connect` then closes both connections.
            return


class RedisLinks:
    """The links of all services. They run in an event loop of their own, in a thread of their own.

    redis: the address and the port of Redis. host: the address of this machine on which the links listen.
    ports: the port of each service's link, by the name of the service.
    """

    def __init__(self, redis: tuple[str, int], host: str, ports: dict[str, int]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links to Redis", daemon=True)
        self._redis, self._host, self._ports = redis, host, ports
        self._links: dict[str, RedisLink] = {}

    def start(self) -> None:
        """Begin to listen on the ports of all links."""
        self._thread.start()
        for name, port in self._ports.items():
            self._links[name] = self._call(self._serve(port))

    def stop(self) -> None:
        """Break all connections, and end the thread."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def disturbed(self, name: str, how: Callable[[RedisLink, bool], None]) -> Iterator[None]:
        """Disturb the link of a service until the end of the block.

        how: `stall`, `cut` or `delay` of RedisLink. It is called with True to begin, and with False to end.
        """
        link = self._links[name]
        self._loop.call_soon_threadsafe(how, link, True)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(how, link, False)

    async def _serve(self, port: int) -> RedisLink:
        link = RedisLink(self._redis)
        await link.serve(self._host, port)
        return link

    async def _close(self) -> None:
        for link in self._links.values():
            link.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _call(self, result: Awaitable[T]) -> T:
        async def wait() -> T:
            return await result

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result()
