"""Measures presses: how many a system can answer per second, and how long a press takes at half of this rate."""

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
    """Press in all stores in turn while `screens` screens are connected, and yield the measured values.

    Raises ConnectionError, or an ExceptionGroup with a ConnectionError, if a press is refused.
    """
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
        # Check that a press still reaches every screen of its store. If no press reaches the screens, the measured
        # presses had no effect, and their rate is not valid.
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
