"""Measures of screens: connecting, memory, a press that reaches all of them, a cut, churn, and idle time."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from functools import partial

from cashier_local.ports import wait_until
from loadtests.bench.client import BenchClient
from loadtests.bench.press_connections import open_press_connections
from loadtests.bench.samples import Sample
from loadtests.bench.systems import TILLS, System
from loadtests.measure.percentiles import percentile

WARM_UP_SCREENS, WARM_UP_PRESSES = 200, 2
REACH_SECONDS = 60.0
"""Time limit for a press to reach the last screen."""
ENOUGH_SECONDS = 15.0
"""No further press is measured at one size after this time."""
IDLE_SECONDS = 15.0
"""Length of the idle measure, in which each screen sends one heartbeat."""
CLEANUP_SECONDS = 15.0
"""Time between the end of all connections and the measure of the memory that they left behind: a replica keeps playing
for this long when its last screen has gone."""
FIRST_CYCLES = 10
MIN_REPAINTS = 5000
"""CPU time is measured over this many repaints or more, because the system counts it in hundredths of a second."""
IDLE_TEXT = b'class="waiting"'
ROLES = {"ws": "replica", "nginx": "Nginx"}


class WrongResult(Exception):
    """A system did not do what is measured, so there is no valid figure."""


class BusyMeter:
    """Measures how busy this process is, from the moment the object is created."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def percent(self) -> float:
        """Percent of one core."""
        return (time.process_time() - self._cpu) / (time.monotonic() - self._wall) * 100


async def measure_sizes(system: System, sizes: list[int], presses: int) -> AsyncIterator[Sample]:
    """Open more and more screens of all stores, and press in the first store. A size that fails yields nothing."""
    client = BenchClient(system.url, system.paints_first)
    await warm_up(system, client)
    for size in sizes:
        values = [each async for each in measure_size(system, client, size, presses)]
        for measure, value in values:
            yield Sample(measure, system.setting(size), value)
    await close_all(system, client)


async def measure_size(
    system: System, client: BenchClient, size: int, presses: int
) -> AsyncIterator[tuple[str, float]]:
    """Yield measures and their values at one size. Raises WrongResult, ConnectionError, TimeoutError."""
    added = system.screen_paths(range(len(client.screens), size))
    before = {role: system.resident(role) for role in ROLES}
    busy = BusyMeter()
    yield "connects", len(added) / await client.open(added)
    yield "client busy, connects", busy.percent()
    # The client's connections stay, so the garbage collector must not examine them while something is timed.
    gc.collect()
    gc.freeze()
    async for value in measure_fan_out(system, client, presses):
        yield value
    # Memory is measured here, seconds later, because the memory that the handshakes needed has been released by now.
    for role, name in ROLES.items():
        if before[role]:
            yield f"{name} memory per screen", (system.resident(role) - before[role]) / len(added) / 1024


async def warm_up(system: System, client: BenchClient) -> None:
    """Open some screens and press, so that what a system allocates only once is not measured."""
    await client.open(system.screen_paths(range(WARM_UP_SCREENS)))
    async for _ in measure_fan_out(system, client, WARM_UP_PRESSES):
        pass
    await close_all(system, client)


async def measure_fan_out(system: System, client: BenchClient, presses: int) -> AsyncIterator[tuple[str, float]]:
    """Press in the first store, one press after the other, and yield measures and values.

    Raises WrongResult, TimeoutError.
    """
    screens = -(-len(client.screens) // len(system.sockets))
    (connection,) = await open_press_connections(system.url, 1)
    used = dict.fromkeys(ROLES, 0.0)
    begun = time.monotonic()
    for number in range(presses):
        if number and time.monotonic() - begun > ENOUGH_SECONDS:
            presses = number  # a system that takes seconds for each press needs fewer presses for the same precision
            break
        till = number % TILLS + 1
        shown, idle = client.arrivals.expect(b'data-num-cashier="%d"' % till, IDLE_TEXT, screens=screens)
        before = {role: system.cpu(role) for role in ROLES}
        busy, pressed = BusyMeter(), time.monotonic()
        async with asyncio.timeout(REACH_SECONDS):
            await connection.press(system.presses[0][till - 1])
        answered = time.monotonic()
        await shown.on_all_screens(REACH_SECONDS)
        percent = busy.percent()
        for role in ROLES:
            used[role] += system.cpu(role) - before[role]
        if system.resets:
            await idle.on_all_screens(REACH_SECONDS)
        times = client.arrivals.times_of(till)
        if len(times) != screens or any(len(own) != 1 for own in times.values()):
            paints = sum(map(len, times.values()))
            raise WrongResult(f"{paints} paints of a number on {len(times)} of {screens} screens")
        ordered = sorted(at - pressed for (at,) in times.values())
        yield "fan-out p50", percentile(ordered, 50) * 1000
        yield "fan-out p99", percentile(ordered, 99) * 1000
        yield "fan-out last", ordered[-1] * 1000
        yield "press answered", (answered - pressed) * 1000
        yield "client busy, fan-out", percent
    connection.close()
    client.arrivals.expect(screens=0)
    if screens * presses >= MIN_REPAINTS:
        for role, name in ROLES.items():
            if system.resident(role):
                yield f"{name} CPU per 1,000 repaints", used[role] / (screens * presses) * 1_000_000


async def measure_cut(system: System, size: int) -> AsyncIterator[Sample]:
    """Break all connections at once, and measure until all screens are painted again. A press must then reach all."""
    setting, client = system.setting(size), BenchClient(system.url, system.paints_first)
    await client.open(system.screen_paths(range(size)))
    busy = BusyMeter()
    seconds, failed = await client.cut()
    percent = busy.percent()
    async for _ in measure_fan_out(system, client, 1):
        pass
    yield Sample("cut to all back", setting, seconds)
    yield Sample("attempts that failed after a cut", setting, failed)
    yield Sample("client busy, cut", setting, percent)
    await close_all(system, client)


async def measure_churn(system: System, cycles: int, size: int) -> AsyncIterator[Sample]:
    """Measure the memory that screens leave behind when they have gone.

    The first cycles are not measured: they fill the memory that Python keeps for later connections.
    """
    client = BenchClient(system.url, system.paints_first)
    kept = 0
    for cycle in range(cycles + FIRST_CYCLES):
        await client.open([system.sockets[0]] * size)
        await close_all(system, client)
        if cycle == FIRST_CYCLES - 1:
            await asyncio.sleep(CLEANUP_SECONDS)  # a system does not report when it has cleaned up
            kept = system.resident("ws")
    await asyncio.sleep(CLEANUP_SECONDS)
    gained = (system.resident("ws") - kept) / 1024 * 10_000 / (cycles * size)
    yield Sample("replica memory gained by 10,000 connects", system.setting(size), gained)


async def measure_idle(system: System, size: int) -> AsyncIterator[Sample]:
    """Measure the CPU time of screens without any calls: heartbeats, pings, and the repair loop."""
    client = BenchClient(system.url, system.paints_first)
    await client.open(system.screen_paths(range(size)))
    used = {role: system.cpu(role) for role in ROLES}
    client.send_heartbeats(IDLE_SECONDS)
    await asyncio.sleep(IDLE_SECONDS)  # the time that is measured
    for role, name in ROLES.items():
        spent = (system.cpu(role) - used[role]) / IDLE_SECONDS * 100
        yield Sample(f"{name} CPU, idle", system.setting(size), spent)
    await close_all(system, client)


async def close_all(system: System, client: BenchClient) -> None:
    """Break all connections, and return when the system has noticed."""
    role = "ws" if system.resident("ws") else "nginx"
    # Each connection is at least one open file. The number of the other open files changes all the time.
    expected = system.open_files(role) - len(client.screens)
    client.close()
    wait = partial(wait_until, lambda: system.open_files(role) <= expected, REACH_SECONDS, "the screens have gone")
    await asyncio.to_thread(wait)
