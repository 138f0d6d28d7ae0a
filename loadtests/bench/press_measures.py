"""Measures of presses: how many per second, and how long one takes at half of that rate."""

from collections.abc import AsyncIterator

from loadtests.bench.client import BenchClient
from loadtests.bench.press_connections import open_press_connections, press_at_full_rate, press_on_schedule
from loadtests.bench.samples import Sample
from loadtests.bench.screen_measures import REACH_SECONDS, BusyMeter, close_all
from loadtests.bench.systems import TILLS, System
from loadtests.measure.percentiles import percentile

CONNECTIONS, CONCURRENT_PRESSES = 250, 64
WARM_UP_SECONDS = 1.0


async def measure_presses(system: System, screens: int, seconds: float) -> AsyncIterator[Sample]:
    """Press in all stores in turn while so many screens are open. Raises ConnectionError if a press is refused."""
    setting = system.setting(screens)
    client = BenchClient(system.url, system.paints_first)
    await client.open(system.screen_paths(range(screens)))
    connections, requests = await open_press_connections(system.url, CONNECTIONS), system.requests()
    await press_at_full_rate(connections, requests, CONCURRENT_PRESSES, WARM_UP_SECONDS)
    busy = BusyMeter()
    rate = await press_at_full_rate(connections, requests, CONCURRENT_PRESSES, seconds)
    percent = busy.percent()
    latencies = sorted(await press_on_schedule(connections, requests, rate / 2, seconds))
    if screens:
        # A press must still reach every screen of its store. Otherwise the rate would count presses without effect.
        text = b'data-num-cashier="%d"' % TILLS
        (expected,) = client.arrivals.expect(text, screens=-(-screens // len(system.sockets)))
        await connections[0].press(system.presses[0][TILLS - 1])
        await expected.on_all_screens(REACH_SECONDS)
    for connection in connections:
        connection.close()
    yield Sample("presses", setting, rate)
    yield Sample("client busy, presses", setting, percent)
    yield Sample("press p99 at half rate", setting, percentile(latencies, 99) * 1000)
    await close_all(system, client)
