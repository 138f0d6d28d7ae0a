"""The walls: what screens cost as they become more: connecting, memory, a press to all of them, a cut, and nothing."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from functools import partial

from cashier_local.ports import wait_until
from loadtests.bench.client import Crowd
from loadtests.bench.press_connections import check, open_lines
from loadtests.bench.samples import Sample
from loadtests.bench.systems import TILLS, System
from loadtests.measure.percentiles import percentile

WARM_UP = 200
PATIENCE_SECONDS = 60.0
"""For a press to reach the last screen."""
LONG_SECONDS = 15.0
"""For all presses at one size."""
IDLE_SECONDS = 15.0
"""In which each screen's page sends one heartbeat."""
TIDY_SECONDS = 15.0
"""After screens have gone, before what they left behind is looked at: as long as a replica plays on for none."""
FIRST_CYCLES = 10
WAITING = b'class="waiting"'
ROLES = {"ws": "replica", "nginx": "Nginx"}


class Wrong(Exception):
    """A system that didn't do what is measured, so that there is no figure."""


class Busy:
    """How busy this process is, in percent of a core, since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def percent(self) -> float:
        return (time.process_time() - self._cpu) / (time.monotonic() - self._wall) * 100


async def measure(system: System, sizes: list[int], presses: int) -> AsyncIterator[Sample]:
    """Screens of all stores, more and more, and presses in the first store. A size that fails yields nothing."""
    crowd = Crowd(system.url, system.paints_first)
    await warm_up(system, crowd)
    for size in sizes:
        taken = [each async for each in at(system, crowd, size, presses)]
        for measure, value in taken:
            yield Sample(measure, system.setting(size), value)
    await closed(system, crowd)


async def at(system: System, crowd: Crowd, size: int, presses: int) -> AsyncIterator[tuple[str, float]]:
    """Measures and values at one size. Raises Wrong, ConnectionError, TimeoutError."""
    more = [system.sockets[number % len(system.sockets)] for number in range(len(crowd.screens), size)]
    before = {role: system.resident(role) for role in ROLES}
    busy = Busy()
    yield "connects", len(more) / await crowd.open(more)
    yield "client busy, connects", busy.percent()
    gc.collect()
    gc.freeze()  # what is here stays, and is never looked through while something is timed
    async for taken in fan_out(system, crowd, presses):
        yield taken
    # Seconds later, when what a handshake leaves behind is gone.
    for role, name in ROLES.items():
        if before[role]:
            yield f"{name} memory per screen", (system.resident(role) - before[role]) / len(more) / 1024


async def warm_up(system: System, crowd: Crowd) -> None:
    """What is made once, at the first screens and presses, is nobody's cost."""
    await crowd.open([system.sockets[number % len(system.sockets)] for number in range(WARM_UP)])
    async for _ in fan_out(system, crowd, 2):
        pass
    await closed(system, crowd)


async def fan_out(system: System, crowd: Crowd, presses: int) -> AsyncIterator[tuple[str, float]]:
    """Presses in the first store, one after the other. Yields measures and values. Raises Wrong, TimeoutError."""
    screens = -(-len(crowd.screens) // len(system.sockets))
    (line,) = await open_lines(system.url, 1)
    used = dict.fromkeys(ROLES, 0.0)
    begun = time.monotonic()
    for number in range(presses):
        if number and time.monotonic() - begun > LONG_SECONDS:
            presses = number  # of a system that takes seconds for each, a few tell as much
            break
        till = number % TILLS + 1
        numbered, waiting = crowd.expect(b'data-num-cashier="%d"' % till, WAITING, screens=screens)
        before = {role: system.cpu(role) for role in ROLES}
        busy, pressed = Busy(), time.monotonic()
        async with asyncio.timeout(PATIENCE_SECONDS):
            check(await line.ask(system.presses[0][till - 1]))
        answered = time.monotonic()
        await numbered.on_all(PATIENCE_SECONDS)
        percent = busy.percent()
        for role in ROLES:
            used[role] += system.cpu(role) - before[role]
        if system.resets:
            await waiting.on_all(PATIENCE_SECONDS)
        shown = crowd.shown(till)
        if len(shown) != screens or any(len(times) != 1 for times in shown.values()):
            raise Wrong(f"{sum(map(len, shown.values()))} paints of a number on {len(shown)} of {screens} screens")
        ordered = sorted(at - pressed for (at,) in shown.values())
        yield "fan-out p50", percentile(ordered, 50) * 1000
        yield "fan-out p99", percentile(ordered, 99) * 1000
        yield "fan-out last", ordered[-1] * 1000
        yield "press answered", (answered - pressed) * 1000
        yield "client busy, fan-out", percent
    line.close()
    crowd.expect(screens=0)
    if screens * presses >= 5000:  # the system counts in hundredths of a second
        for role, name in ROLES.items():
            if system.resident(role):
                yield f"{name} CPU per 1,000 repaints", used[role] / (screens * presses) * 1_000_000


async def cut(system: System, size: int) -> AsyncIterator[Sample]:
    """All screens lose their connection at once, and are back when all are painted. A press must then reach all."""
    setting, crowd = system.setting(size), Crowd(system.url, system.paints_first)
    await crowd.open([system.sockets[number % len(system.sockets)] for number in range(size)])
    busy = Busy()
    seconds, failed = await crowd.cut()
    percent = busy.percent()
    async for _ in fan_out(system, crowd, 1):
        pass
    yield Sample("cut to all back", setting, seconds)
    yield Sample("attempts that failed after a cut", setting, failed)
    yield Sample("client busy, cut", setting, percent)
    await closed(system, crowd)


async def churn(system: System, cycles: int, size: int) -> AsyncIterator[Sample]:
    """What screens that came and went leave behind; the first cycles fill what is kept for the next ones."""
    crowd = Crowd(system.url, system.paints_first)
    kept = 0
    for cycle in range(cycles + FIRST_CYCLES):
        await crowd.open([system.sockets[0]] * size)
        await closed(system, crowd)
        if cycle == FIRST_CYCLES - 1:
            await asyncio.sleep(TIDY_SECONDS)  # nobody says when he has cleared up
            kept = system.resident("ws")
    await asyncio.sleep(TIDY_SECONDS)
    gained = (system.resident("ws") - kept) / 1024 * 10_000 / (cycles * size)
    yield Sample("replica memory gained by 10,000 connects", system.setting(size), gained)


async def idle(system: System, size: int) -> AsyncIterator[Sample]:
    """Screens that nobody calls: heartbeats, pings, and the repair."""
    crowd = Crowd(system.url, system.paints_first)
    await crowd.open([system.sockets[number % len(system.sockets)] for number in range(size)])
    used = {role: system.cpu(role) for role in ROLES}
    crowd.beat(IDLE_SECONDS)
    await asyncio.sleep(IDLE_SECONDS)  # what is measured is that nothing happens
    for role, name in ROLES.items():
        spent = (system.cpu(role) - used[role]) / IDLE_SECONDS * 100
        yield Sample(f"{name} CPU, idle", system.setting(size), spent)
    await closed(system, crowd)


async def closed(system: System, crowd: Crowd) -> None:
    """All screens hang up. Returns when the system has noticed."""
    role = "ws" if system.resident("ws") else "nginx"
    # One for each of them at least; what else it has open comes and goes.
    most = system.open_files(role) - len(crowd.screens)
    crowd.close()
    noticed = partial(wait_until, lambda: system.open_files(role) <= most, PATIENCE_SECONDS, "the screens have gone")
    await asyncio.to_thread(noticed)
