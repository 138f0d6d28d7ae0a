"""Screens that are cut off from the network are noticed, although nobody closes their connections."""

import asyncio
import os
import time

import pytest

from cashier_local.ports import wait_until
from loadtests.chaos.packets import Arriving, dropped
from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.till import Till

pytestmark = pytest.mark.anyio
NOTICED_SECONDS = 75.0
"""On an idle machine, it takes at most 45 s: up to 15 s until the next heartbeat, 25 s until the kernel
closes the connection, and some seconds until the replica and the test notice this."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop packets")
async def test_a_screen_whose_packets_are_dropped_disappears_from_the_metrics(stack, stores, replicas, capsys) -> None:
    (nginx,) = stack.containers("nginx")
    url = f"http://{stack.address(nginx, 'front')}:8000"
    async with Till(stack.url, stores[-1]) as till:
        path = await till.websocket_path()
    metric = f'cashier_screens{{store="{stores[-1]}"}}'
    containers = replicas(2)

    def screens() -> float:
        return sum(stack.figure(container, 9000, metric) for container in containers)

    screen = await open_screen(url, path)
    await screen.until(1, 10)
    assert await asyncio.to_thread(screens) == 1
    _host, port = screen._transport.get_extra_info("sockname")
    packets = Arriving(("-p", "tcp", "--sport", str(port)), container=stack.inspect(nginx)["State"]["Pid"])
    with dropped([packets]):
        cut_at = time.monotonic()
        await asyncio.to_thread(wait_until, lambda: not screens(), NOTICED_SECONDS, "the screen has disappeared")
        with capsys.disabled():
            print(f"\ncut off: noticed after {time.monotonic() - cut_at:.0f} s")
    screen.close()
