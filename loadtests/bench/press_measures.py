"""The tills: how many presses a second, and how long one takes at half of that."""

from collections.abc import AsyncIterator

from loadtests.bench.client import Crowd
from loadtests.bench.press_connections import check, flat_out, on_schedule, open_lines
from loadtests.bench.samples import Sample
from loadtests.bench.screen_measures import PATIENCE_SECONDS, Busy, closed
from loadtests.bench.systems import TILLS, System
from loadtests.measure.percentiles import percentile

LINES, AT_ONCE = 250, 64
WARM_UP_SECONDS = 1.0


async def measure(system: System, screens: int, seconds: float) -> AsyncIterator[Sample]:
    """Presses in all stores in turn, with so many screens open. Raises ConnectionError if a press is refused."""
    setting = system.setting(screens)
    crowd = Crowd(system.url, system.paints_first)
    await crowd.open([system.sockets[number % len(system.sockets)] for number in range(screens)])
    lines, requests = await open_lines(system.url, LINES), system.requests()
    await flat_out(lines, requests, AT_ONCE, WARM_UP_SECONDS)
    busy = Busy()
    rate = await flat_out(lines, requests, AT_ONCE, seconds)
    percent = busy.percent()
    latencies = sorted(await on_schedule(lines, requests, rate / 2, seconds))
    if screens:
        # What is pressed now reaches every screen of its store, or the rate was one of presses that lead to nothing.
        (numbered,) = crowd.expect(b'data-num-cashier="%d"' % TILLS, screens=-(-screens // len(system.sockets)))
        check(await lines[0].ask(system.presses[0][TILLS - 1]))
        await numbered.on_all(PATIENCE_SECONDS)
    for line in lines:
        line.close()
    yield Sample("presses", setting, rate)
    yield Sample("client busy, presses", setting, percent)
    yield Sample("press p99 at half rate", setting, percentile(latencies, 99) * 1000)
    await closed(system, crowd)
