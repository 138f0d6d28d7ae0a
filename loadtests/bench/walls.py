"""The walls: what screens cost as they become more: connecting, memory, a press to all of them, and a cut."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from functools import partial

from loadtests.bench.crowd import Crowd
from loadtests.bench.presser import Line, check, open_lines
from loadtests.bench.samples import Sample, Setting
from loadtests.bench.systems import TILLS, System
from loadtests.figures import percentile
from local.ports import wait_until

WARM_UP = 200
PATIENCE_SECONDS = 120.0
"""For a press to reach the last screen; the slowest peer needs some 15 s for 10,000."""
IDLE_SECONDS = 3.0
WAITING = b'class="waiting"'


class Wrong(Exception):
    """A system that didn't do what is measured, so that there is no figure."""


class Busy:
    """How busy this process is, in percent of a core, since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def percent(self) -> float:
        return (time.process_time() - self._cpu) / (time.monotonic() - self._wall) * 100


async def measure(system: System, sizes: list[int], replicas: int, presses: int, cut_at: int) -> AsyncIterator[Sample]:
    """Screens of all stores, more and more; presses in the first store; a cut at one of the sizes."""
    stores = len(system.sockets)
    line = (await open_lines(system.url, 1))[0]
    crowd = Crowd(system.url, system.greeting)
    await crowd.open([system.sockets[number % stores] for number in range(WARM_UP)])
    async for _ in fan_out(system, crowd, line, 2):
        pass
    await closed(system, crowd)
    before = {role: system.resident(role) for role in ("ws", "nginx")}
    for size in sizes:
        setting = Setting(system.name, stores, size, replicas)
        more = range(len(crowd.screens), size)
        busy = Busy()
        seconds = await crowd.open([system.sockets[number % stores] for number in more])
        yield Sample("connects", setting, len(more) / seconds)
        yield Sample("client busy, connects", setting, busy.percent())
        for role, name in (("ws", "replica"), ("nginx", "Nginx")):
            if system.resident(role):
                gained = system.resident(role) - before[role]
                yield Sample(f"{name} memory per screen", setting, gained / size / 1024)
        gc.collect()
        gc.freeze()  # what is here stays, and is never looked through while something is timed
        async for name, value in fan_out(system, crowd, line, presses):
            yield Sample(name, setting, value)
        if system.resident("ws"):
            used = system.cpu("ws")
            await asyncio.sleep(IDLE_SECONDS)  # the measure itself: what nothing to do costs
            yield Sample("replica CPU, idle", setting, (system.cpu("ws") - used) / IDLE_SECONDS * 100)
        if size == cut_at:
            busy = Busy()
            seconds, _ = await crowd.cut()
            yield Sample("cut to all back", setting, seconds)
            yield Sample("client busy, cut", setting, busy.percent())
            async for _ in fan_out(system, crowd, line, 1):
                pass  # every one of them is right, or it raises
    line.close()
    await closed(system, crowd)


async def fan_out(system: System, crowd: Crowd, line: Line, presses: int) -> AsyncIterator[tuple[str, float]]:
    """Presses in the first store, one after the other. Yields measures and values. Raises Wrong, TimeoutError."""
    screens = -(-len(crowd.screens) // len(system.sockets))
    used = {role: system.cpu(role) for role in ("ws", "nginx")}
    for number in range(presses):
        till = number % TILLS + 1
        numbered, waiting = crowd.expect(b'data-num-cashier="%d"' % till, WAITING, screens=screens)
        busy, pressed = Busy(), time.monotonic()
        check(await line.ask(system.presses[0][till - 1]))
        answered = time.monotonic()
        await numbered.on_all(PATIENCE_SECONDS)
        percent = busy.percent()
        if system.resets:
            await waiting.on_all(PATIENCE_SECONDS)
        times = sorted(at - pressed for at in crowd.shown(till))
        if len(times) != screens:
            raise Wrong(f"{system.name}: {len(times)} paints of a number on {screens} screens")
        yield "fan-out p50", percentile(times, 50) * 1000
        yield "fan-out p99", percentile(times, 99) * 1000
        yield "fan-out last", times[-1] * 1000
        yield "press answered", (answered - pressed) * 1000
        yield "client busy, fan-out", percent
    repaints = screens * presses * (2 if system.resets else 1)
    for role, name in (("ws", "replica"), ("nginx", "Nginx")):
        if system.resident(role):
            spent = system.cpu(role) - used[role]
            yield f"{name} CPU per 1,000 repaints", spent / repaints * 1_000_000


async def closed(system: System, crowd: Crowd) -> None:
    """All screens hang up. Returns when the system has noticed."""
    role = "ws" if system.resident("ws") else "nginx"
    most = system.open_files(role) - len(crowd.screens) * 9 // 10
    crowd.close()
    noticed = partial(wait_until, lambda: system.open_files(role) <= most, PATIENCE_SECONDS, "the screens have gone")
    await asyncio.to_thread(noticed)


async def churn(system: System, replicas: int, cycles: int, size: int) -> AsyncIterator[Sample]:
    """What screens that came and went leave behind; the first two cycles fill what is kept for the next ones."""
    crowd = Crowd(system.url, system.greeting)
    kept = 0
    for cycle in range(cycles + 2):
        await crowd.open([system.sockets[0]] * size)
        await closed(system, crowd)
        if cycle == 1:
            kept = system.resident("ws")
    gained = (system.resident("ws") - kept) / 1024 * 10_000 / (cycles * size)
    yield Sample("replica memory gained by 10,000 connects", Setting(system.name, 1, size, replicas), gained)
