"""Measurements with many screens.

The benchmark measures how fast screens connect, how much memory they need, how long a press takes to reach them, and
how much CPU time they need without calls. It also breaks all connections at once (cut), and lets screens come and go
(churn).
"""

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
"""A measurement fails if a press does not reach all screens within this time."""
ENOUGH_SECONDS = 15.0
"""If the presses with one number of screens take longer than this time, the remaining presses are left out."""
IDLE_SECONDS = 30.0
"""Length of the measurement without calls. During this time each screen gets two heartbeats, or sends two pings."""
PING_SECONDS = 15.0
"""The time between two pings of a page."""
CLEANUP_SECONDS = 15.0
"""Time between the end of all connections and the measurement of the memory that remains.

The wait is necessary because a replica keeps a board for 10 s after its last screen has disconnected."""
FIRST_CYCLES = 10
MIN_REPAINTS = 5000
"""The CPU time of repaints is reported only if at least this number of repaints was measured.

The operating system counts CPU time in hundredths of a second, which is too coarse for fewer repaints."""
IDLE_TEXT = b'class="waiting"'
ROLES = {"ws": "replica", "nginx": "Nginx"}


class WrongResult(Exception):
    """Raised if a system did something wrong, for example if it did not paint every screen.

    The measurement then has no valid value.
    """


class BusyMeter:
    """Measures how busy this process is, from the moment at which this object is created."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def percent(self) -> float:
        """Return how busy this process has been since this meter was created, in percent of one core."""
        return (time.process_time() - self._cpu) / (time.monotonic() - self._wall) * 100


async def measure_sizes(system: System, sizes: list[int], presses: int) -> AsyncIterator[Sample]:
    """Open more and more screens, distributed over all stores, and press in the first store.

    sizes: the numbers of screens with which the benchmark measures. If the measurement with one number fails, the error
    is raised, and no values are yielded for this number of screens.
    """
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
    """Connect screens until there are `size` screens, and press. Yield the name and the value of each measure.

    Raises WrongResult, ConnectionError or TimeoutError if a measurement fails.
    """
    added = system.screen_paths(range(len(client.screens), size))
    before = {role: system.resident(role) for role in ROLES}
    busy = BusyMeter()
    yield "connects", len(added) / await client.open(added)
    yield "client busy, connects", busy.percent()
    # From now on, garbage collections skip the objects of the client's connections. These objects stay in use, and
    # examining them would disturb the measured times.
    gc.collect()
    gc.freeze()
    async for value in measure_fan_out(system, client, presses):
        yield value
    # The memory is measured after the presses, and not directly after the screens have connected. By then, the
    # system has released the memory that it needed only for the handshakes.
    for role, name in ROLES.items():
        if before[role]:
            yield f"{name} memory per screen", (system.resident(role) - before[role]) / len(added) / 1024


async def warm_up(system: System, client: BenchClient) -> None:
    """Open some screens and press, before anything is measured.

    During this time a system allocates the memory that it needs only once. This memory is then not counted as memory of
    the measured screens.
    """
    await client.open(system.screen_paths(range(WARM_UP_SCREENS)))
    async for _ in measure_fan_out(system, client, WARM_UP_PRESSES):
        pass
    await close_all(system, client)


async def measure_fan_out(system: System, client: BenchClient, presses: int) -> AsyncIterator[tuple[str, float]]:
    """Press in the first store, one press after the other. Yield the name and the value of each measure.

    The fan-out of a press is the time from the press until the screens have received its number. Raises WrongResult,
    ConnectionError or TimeoutError if a press is refused or does not reach every screen exactly once.
    """
    screens = -(-len(client.screens) // len(system.sockets))
    (connection,) = await open_press_connections(system.url, 1)
    used = dict.fromkeys(ROLES, 0.0)
    begun = time.monotonic()
    for number in range(presses):
        if number and time.monotonic() - begun > ENOUGH_SECONDS:
            # If each press takes seconds, the benchmark makes fewer presses, because they would take too long. The
            # measured values are precise enough even with few presses.
            presses = number
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
            raise WrongResult(f"{len(times)} of {screens} screens received the number, in {paints} paints")
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
    """Break all connections at once, and measure the time until all screens are painted again.

    Afterwards the benchmark makes one press, which must reach all screens. If the press fails, its error is raised and
    the measured time is not reported.
    """
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
    """Measure the memory that remains in the replicas after screens have disconnected.

    In each cycle, `size` screens connect and disconnect. The first cycles are not measured. During these cycles Python
    allocates memory that it uses again for later connections.
    """
    client = BenchClient(system.url, system.paints_first)
    kept = 0
    for cycle in range(cycles + FIRST_CYCLES):
        await client.open([system.sockets[0]] * size)
        await close_all(system, client)
        if cycle == FIRST_CYCLES - 1:
            # The benchmark waits for a fixed time, because a system does not report when it has freed its memory.
            await asyncio.sleep(CLEANUP_SECONDS)
            kept = system.resident("ws")
    await asyncio.sleep(CLEANUP_SECONDS)
    gained = (system.resident("ws") - kept) / 1024 * 10_000 / (cycles * size)
    yield Sample("replica memory gained by 10,000 connects", system.setting(size), gained)


async def measure_idle(system: System, size: int) -> AsyncIterator[Sample]:
    """Measure the CPU time that the replicas and Nginx need for connected screens while there are no calls.

    The CPU time is needed for heartbeats, pings and repairs.
    """
    client = BenchClient(system.url, system.paints_first)
    await client.open(system.screen_paths(range(size)))
    used, began = {role: system.cpu(role) for role in ROLES}, time.monotonic()
    while (left := began + IDLE_SECONDS - time.monotonic()) > 0:
        if system.page_pings:
            client.send_pings(PING_SECONDS)
        await asyncio.sleep(min(PING_SECONDS, left))
    seconds = time.monotonic() - began
    total = 0.0
    for role, name in ROLES.items():
        spent = system.cpu(role) - used[role]
        total += spent
        yield Sample(f"{name} CPU, idle", system.setting(size), spent / seconds * 100)
    yield Sample("CPU per idle screen", system.setting(size), total / seconds / size * 1e6)
    await close_all(system, client)


async def close_all(system: System, client: BenchClient) -> None:
    """Break all connections of the client, and wait until the system has closed its side of the connections."""
    role = "ws" if system.resident("ws") else "nginx"
    # Each connection is one open file of the system's processes. So when all connections are closed, the system has
    # fewer open files than before, by the number of screens. The comparison is not exact, because the system opens and
    # closes a few other files, too.
    expected = system.open_files(role) - len(client.screens)
    client.close()
    wait = partial(wait_until, lambda: system.open_files(role) <= expected, REACH_SECONDS, "the screens have gone")
    await asyncio.to_thread(wait)
