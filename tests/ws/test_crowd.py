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
ROUNDS = CROWD // 150


class PingingScreen(AsyncioScreen):
    """A screen that sends a ping as soon as it has received the answer to the last ping.

    The screen stops after ROUNDS answers, because a replica allows only a few pings. If this screen gets all its
    answers while other screens connect, the replica could also paint calls on time.
    """

    def data_received(self, data: bytes) -> None:
        answered = len(self.pongs)
        super().data_received(data)
        if answered < len(self.pongs) < ROUNDS:
            self.send(PING, b"")


async def test_a_connected_screen_is_answered_often_while_many_others_connect(valkey, tmp_path, store) -> None:
    with serve("daphne", valkey.url, tmp_path) as server:
        address, loop = urlsplit(server.url), asyncio.get_running_loop()

        async def connect(kind: type[AsyncioScreen]) -> AsyncioScreen:
            screen = kind(address.netloc, path_of(store), server.url)
            await loop.create_connection(lambda: screen, address.hostname, address.port)
            return screen

        connected = await connect(PingingScreen)
        await connected.until(1, 5)
        # While the replica is stopped, the kernel queues the new connections. So all of them are waiting when the
        # replica continues.
        server.kill(signal.SIGSTOP)
        crowd = await asyncio.gather(*(connect(AsyncioScreen) for _ in range(CROWD)))
        connected.send(PING, b"")
        server.kill(signal.SIGCONT)
        for screen in crowd:
            await screen.until(1, 20)

        assert all(screen.painted for screen in crowd)
        assert len(connected.pongs) == ROUNDS
        for screen in [connected, *crowd]:
            screen.close()
