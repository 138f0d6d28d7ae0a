"""A command reaches only its screen, through the replica to which the screen is connected."""

import contextlib
import json

import pytest
from redis import Redis

from cashier_core.screen_commands import Action, ScreenCommand, send_command
from loadtests.clients.asyncio_screen import open_screen
from tests.support.ws_server import path_of

pytestmark = pytest.mark.anyio


def commands(screen) -> list[dict]:
    """Return the commands that a screen has got. It also gets heartbeats."""
    return [json.loads(text) for text in screen.answers if text.startswith(b"{")]


async def test_a_command_reaches_only_its_screen(server, valkey, store) -> None:
    wanted, other, unpaired = [
        await open_screen(server.url, path_of(store, credential_id=each)) for each in ("71.1", "72.1", "")
    ]
    for screen in (wanted, other, unpaired):
        await screen.until(1, 5)
    with Redis.from_url(valkey.url) as redis:
        for _ in range(10):
            # The replica ignores commands that are older than its first read, so the test may have to send another one.
            send_command(redis, ScreenCommand("71.1", Action.IDENTIFY, "Café"))
            with contextlib.suppress(TimeoutError):
                await wanted.until_true(lambda: bool(commands(wanted)), 2)
                break

    assert commands(wanted)[0] == {"action": "identify", "text": "Café"}
    assert [commands(other), commands(unpaired)] == [[], []]
    assert [len(screen.painted) for screen in (wanted, other, unpaired)] == [1, 1, 1]
    for screen in (wanted, other, unpaired):
        screen.close()
