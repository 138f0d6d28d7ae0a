"""A screen that reads no bytes does not delay other screens.

If the screen starts to read again, it gets only the newest frame. If it does not, the replica closes the connection.
"""

import asyncio
from functools import partial

import pytest

from cashier_core.call import Policy
from cashier_local.ports import wait_until
from loadtests.clients.asyncio_screen import open_screen
from tests.support.ws_server import figures, path_of, serve

pytestmark = pytest.mark.anyio
FLOOD = 1500
"""Number of calls that a test makes, with the policy `replace`. Their frames have about 600 kB together, which is more
than all socket buffers hold. So the replica cannot write all frames to a screen that does not read."""


async def flood(press, count: int = FLOOD) -> None:
    for number in range(count):
        await asyncio.to_thread(press, number % 9 + 1, hold_ms=60_000, policy=Policy.REPLACE)


async def open_stalled(server, store):
    """Open a screen that reads no more bytes after its first paint."""
    screen = await open_screen(server.url, path_of(store), buffer=4096)
    await screen.until(1, 5)
    screen.pause()
    return screen


async def test_a_stalled_screen_is_closed_and_other_screens_show_every_call(valkey, tmp_path, store, press) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_STUCK_SECONDS="1") as server:
        healthy = await open_screen(server.url, path_of(store))
        await healthy.until(1, 5)
        stalled = await open_stalled(server, store)
        await flood(press)
        await healthy.until(1 + FLOOD, 20)

        assert [paint.seq for paint in healthy.painted[1:]] == list(range(1, FLOOD + 1))
        closed = partial(server.log.has, "it accepted nothing for 1.0 s")
        await asyncio.to_thread(wait_until, closed, 10, "the stalled screen is closed")
        stalled.resume()
        # If the screen reads within a second, it receives the close frame (1013). If it reads later, the replica has
        # already reset the connection (1006).
        assert (await stalled.until_closed(5), stalled.reason) in {(1013, "too slow"), (1006, "")}
        metrics = await figures(server)
        assert metrics["cashier_slow_screens_closed_total"] == metrics['cashier_screens_closed_total{code="1013"}'] == 1
        healthy.close()


async def test_a_screen_that_reads_again_gets_only_the_newest_frame(valkey, tmp_path, store, press) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_STUCK_SECONDS="60") as server:
        screen = await open_stalled(server, store)
        await flood(press)
        screen.resume()
        async with asyncio.timeout(10):
            while screen.painted[-1].seq < FLOOD:
                await screen.until(len(screen.painted) + 1, 10)

        seqs = [paint.seq for paint in screen.painted]
        assert seqs == sorted(set(seqs))
        assert len(seqs) < FLOOD
        screen.close()
