"""Many screens that connect at once, as after a power cut, do not delay screens that are already connected."""

import asyncio
import signal
from urllib.parse import urlsplit

import pytest

from loadtests.clients.asyncio_screen import AsyncioScreen
from loadtests.clients.websocket_frames import PING
from tests.support.ws_server import path_of, serve

pytestmark = pytest.mark.anyio

CROWD = 1500


class PingingScreen(AsyncioScreen):
    """Sends a ping after each pong. In each round, a call could have been painted."""

    rounds = 0

    def data_received(self, data: bytes) -> None:
        if data[0] == 0x8A:  # a Pong
            self.rounds += 1
            self.send(PING, b"")
        else:
            super().data_received(data)


async def test_a_connected_screen_is_answered_again_and_again_while_a_crowd_connects(valkey, tmp_path, store) -> None:
    with serve("daphne", valkey.url, tmp_path) as server:
        address, loop = urlsplit(server.url), asyncio.get_running_loop()

        async def connect(kind: type[AsyncioScreen]) -> AsyncioScreen:
            screen = kind(address.netloc, path_of(store), server.url)
            await loop.create_connection(lambda: screen, address.hostname, address.port)
            return screen

        there = await connect(PingingScreen)
        await there.until(1, 5)
        server.kill(signal.SIGSTOP)  # so that all connections are queued before the first one is accepted
        crowd = await asyncio.gather(*(connect(AsyncioScreen) for _ in range(CROWD)))
        there.send(PING, b"")
        server.kill(signal.SIGCONT)
        for screen in crowd:
            await screen.until(1, 20)

        assert all(screen.painted for screen in crowd)
        assert there.rounds > CROWD / 150
        for screen in [there, *crowd]:
            screen.close()
