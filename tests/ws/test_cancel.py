"""A call that is taken back while it waits never comes up, whether a replica heard of that or not."""

import pytest

from cashier_core import history
from cashier_core.lua import keys
from loadtests.clients.asyncio_screen import open_screen
from tests.support.ws_server import path_of

pytestmark = pytest.mark.anyio


async def test_a_call_that_is_taken_back_is_not_shown_and_the_next_one_follows_at_once(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    press(4)
    press(2)
    press(7)
    press.timeline.cancel(store, 2)
    await screen.until(4, 5)

    assert [paint.till for paint in screen.painted] == [0, 4, 7, 0]
    assert abs(screen.painted[2].at - screen.painted[1].at - 1.0) < 0.05
    assert abs(screen.painted[3].at - screen.painted[2].at - 1.0) < 0.05
    screen.close()


async def test_a_replica_that_did_not_hear_of_it_finds_it_out(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    press(4, hold_ms=3000)
    press(2)
    press(7)
    await screen.until(2, 5)
    cancel_in_silence(press.timeline, store, 2)
    await screen.until(4, 8)

    assert [paint.till for paint in screen.painted] == [0, 4, 7, 0]
    screen.close()


def cancel_in_silence(timeline, store, seq) -> None:
    """Cancel as ever, but published to a channel that no replica is subscribed to."""
    arguments = [store, "cashier__group__nobody", "f" * 32, seq, 0]
    assert timeline._cancel(keys=[*keys(store), history.KEY], args=arguments) == b"cancelled"
