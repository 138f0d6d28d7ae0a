"""The tills: how many presses a second, and how long one takes at half of that."""

from collections.abc import AsyncIterator

from loadtests.bench.crowd import Crowd
from loadtests.bench.presser import flat_out, on_schedule, open_lines
from loadtests.bench.samples import Sample, Setting
from loadtests.bench.systems import System
from loadtests.bench.walls import Busy, closed
from loadtests.figures import percentile

LINES = 64
WARM_UP_SECONDS = 1.0


async def measure(system: System, screens: int, replicas: int, seconds: float) -> AsyncIterator[Sample]:
    """Presses in all stores in turn, with so many screens open. Raises ConnectionError if a press is refused."""
    stores = len(system.sockets)
    setting = Setting(system.name, stores, screens, replicas)
    crowd = Crowd(system.url, system.greeting)
    if screens:
        await crowd.open([system.sockets[number % stores] for number in range(screens)])
    lines, requests = await open_lines(system.url, LINES), system.requests()
    await flat_out(lines, requests, WARM_UP_SECONDS)
    busy = Busy()
    rate = await flat_out(lines, requests, seconds)
    yield Sample("presses", setting, rate)
    yield Sample("client busy, presses", setting, busy.percent())
    latencies = await on_schedule(lines, requests, rate / 2, seconds)
    yield Sample("press p99 at half rate", setting, percentile(sorted(latencies), 99) * 1000)
    for line in lines:
        line.close()
    if screens:
        await closed(system, crowd)
