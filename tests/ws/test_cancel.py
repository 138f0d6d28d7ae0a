"""A cancelled call is never shown, even if a replica misses the announcement."""

import time
from unittest import mock

import pytest

from loadtests.clients.asyncio_screen import open_screen
from tests.support.ws_server import path_of

pytestmark = pytest.mark.anyio


async def test_a_cancelled_call_is_not_shown_and_the_next_call_follows_at_once(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    pressed = time.monotonic()
    press(4)
    cancelled = press(2)
    press(7)
    press.timeline.cancel(store, cancelled.call_id)
    await screen.until(4, 5)

    assert [paint.till for paint in screen.painted] == [0, 4, 7, 0]
    assert screen.painted[2].at - pressed >= 1.0
    assert screen.painted[3].at - pressed >= 2.0
    screen.close()


async def test_a_replica_that_misses_the_announcement_still_removes_the_cancelled_call(server, store, press) -> None:
    screen = await open_screen(server.url, path_of(store))
    await screen.until(1, 5)
    press(4, hold_ms=3000)
    cancelled = press(2)
    press(7)
    await screen.until(2, 5)
    cancel_unannounced(press.timeline, store, cancelled.call_id)
    await screen.until(4, 8)

    assert [paint.till for paint in screen.painted] == [0, 4, 7, 0]
    screen.close()


def cancel_unannounced(timeline, store, call_id) -> None:
    """Cancel a call, but publish the announcement on a Redis channel to which no replica is subscribed."""
    with mock.patch("cashier_core.timeline.REDIS_CHANNEL", "cashier__group__nobody"):
        timeline.cancel(store, call_id)
