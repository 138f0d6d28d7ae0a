"""A replica counts its screens and calls in metrics, and logs when a screen connects or leaves."""

import asyncio
import json
from functools import partial

import pytest

from cashier_local.ports import wait_until
from loadtests.clients.asyncio_screen import open_screen
from tests.support.ws_server import figures, path_of, serve

pytestmark = pytest.mark.anyio


async def test_screens_calls_paints_and_the_lateness_of_the_reset_are_counted(valkey, tmp_path, store, press) -> None:
    with serve("daphne", valkey.url, tmp_path) as server:
        screens = [await open_screen(server.url, path_of(store)) for _ in range(3)]
        await asyncio.gather(*(screen.until(1, 5) for screen in screens))
        press(4)
        press(2)
        await asyncio.gather(*(screen.until(2, 5) for screen in screens))
        during = await figures(server)
        await asyncio.gather(*(screen.until(4, 5) for screen in screens))
        screens[0].send(1, b"again")
        screens[1].close()
        screens[2].send(8, b"\x03\xe9")
        left = partial(server.log.has, "the page was left")
        await asyncio.to_thread(wait_until, left, 5, "the replica logs that the screen has left")
        after = await figures(server)
        screens[0].close()

    assert during[f'cashier_screens{{store="{store}"}}'] == 3
    assert during[f'cashier_waiting_calls{{store="{store}"}}'] == 1
    assert after["cashier_calls_total"] == 2
    assert after["cashier_screens_opened_total"] == 3
    assert after["cashier_screen_reconnects_total"] == 1
    assert after["cashier_paint_seconds_count"] >= 4
    assert after["cashier_reset_lateness_seconds_count"] == 1
    # The reset lateness counts from the end of the hold, so it is short. If the replica counted from a wrong time, the
    # sum would be much larger.
    assert after["cashier_reset_lateness_seconds_sum"] < 5
    assert after['cashier_screens_closed_total{code="1001"}'] == 1
    assert after['cashier_screens_closed_total{code="1006"}'] == 1


async def test_connecting_closing_and_refusing_a_screen_are_one_json_line_each(valkey, tmp_path, store) -> None:
    with serve("daphne", valkey.url, tmp_path, CASHIER_LOG_FORMAT="json") as server:
        screen = await open_screen(server.url, path_of(store))
        await screen.until(1, 5)
        screen.send(8, b"\x03\xe9")
        stranger = await open_screen(server.url, path_of(store, key="k" * 40))
        assert await stranger.until_closed(5) == 4403
        await asyncio.to_thread(
            wait_until, lambda: server.log.has("screen closed"), 5, "the replica logs that the screen is closed"
        )
        records = [json.loads(line.partition(" | ")[2]) for line in server.log.lines]
        refused = (await figures(server))['cashier_screens_refused_total{code="4403"}']

    events = {each["event"]: each for each in records}
    assert events["screen connected"]["store"] == store
    assert (events["screen closed"]["code"], events["screen closed"]["why"]) == (1001, "the page was left")
    assert events["screen refused"]["code"] == 4403
    assert refused == 1
