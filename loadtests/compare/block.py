"""One block of measurements: the topologies of both revisions run beside each other, and are measured together.

Both topologies start anew in each block, because two starts of the same program differ: for example, their data lie at
different addresses of the memory. Within a block, every other press goes to the same topology. So whatever disturbs the
machine affects both topologies alike. When the topologies took turns every 6 s instead, the ratio of their CPU times
varied by 9 % from block to block, because the speed of the machine varied.
"""

import asyncio
import gc
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from loadtests.bench.screen_measures import WrongResult
from loadtests.bench.systems import HOLD_SECONDS
from loadtests.compare.contender import SCREENS, STORES, Contender, ready, running
from loadtests.measure.percentiles import percentile

PER_SECOND, PRESS_SECONDS = 50, 12.0
"""Presses per second on each topology, and for how long."""
WARM_UP_SECONDS = 2.0
DRAIN_SECONDS = HOLD_SECONDS + 0.3
"""After the last press, the numbers are shown and removed in this time."""
IDLE_SECONDS = 7.5
"""Half of the time between two heartbeats, so that half of the screens get one."""
SCREENS_PER_STORE = SCREENS // STORES
MEASURES = {
    "CPU of press per press": "µs",
    "CPU of Redis per press": "µs",
    "CPU of ws and Nginx per repaint": "µs",
    "CPU of ws and Nginx per connect": "µs",
    "CPU of ws and Nginx per idle screen": "µs/s",
    "memory of ws per screen": "KiB",
    "press p50": "ms",
    "press p99": "ms",
    "number on the screens p99": "ms",
}
"""Each measure and its unit. In all measures, less is better."""
Values = dict[str, float]
"""Maps each measure to its value."""


async def measure_block(checkouts: list[Path], prepared: Path, log: Path) -> list[Values]:
    """Start the topologies of both revisions, measure them, and return the values of each.

    checkouts: the folder of each revision. prepared: a folder for files that the blocks have in common. Raises
    WrongResult, ConnectionError or TimeoutError if a number does not reach all screens of its store.
    """
    with tempfile.TemporaryDirectory(prefix="cashier_q-compare-") as folder, ExitStack() as stack:
        started = [
            stack.enter_context(running(checkout, Path(folder) / str(number), prepared / str(number), log))
            for number, checkout in enumerate(checkouts)
        ]
        contenders = [await asyncio.to_thread(ready, process) for process in started]
        for contender in contenders:
            stack.callback(contender.close)
            await contender.read_pages()
        connected = await connect(contenders)
        for contender in contenders:
            await contender.open_press_connections()
        gc.collect()
        gc.freeze()
        await press(contenders, WARM_UP_SECONDS)
        idled, pressed = await idle(contenders), await press(contenders, PRESS_SECONDS)
    gc.unfreeze()
    gc.collect()
    return [first | second | third for first, second, third in zip(connected, idled, pressed, strict=True)]


async def connect(contenders: list[Contender]) -> list[Values]:
    """Connect all screens of all topologies, and return the CPU time and the memory that they need."""
    cpu, memory = [each.cpu() for each in contenders], [each.memory() for each in contenders]
    await asyncio.gather(*(each.client.open(each.system.screen_paths(range(SCREENS))) for each in contenders))
    return [
        {
            "CPU of ws and Nginx per connect": (used["ws"] + used["nginx"]) / SCREENS * 1e6,
            "memory of ws per screen": (each.memory() - memory_before) / SCREENS,
        }
        for each, used, memory_before in zip(contenders, used_since(cpu, contenders), memory, strict=True)
    ]


async def idle(contenders: list[Contender]) -> list[Values]:
    """Return the CPU time that the screens of each topology need while nobody presses."""
    cpu, begun = [each.cpu() for each in contenders], time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    seconds = time.monotonic() - begun
    return [
        {"CPU of ws and Nginx per idle screen": (used["ws"] + used["nginx"]) / seconds / SCREENS * 1e6}
        for used in used_since(cpu, contenders)
    ]


async def press(contenders: list[Contender], seconds: float) -> list[Values]:
    """Press on a fixed schedule, in all stores in turn, and return the measured values.

    Each press counts from the time at which it was due. Raises WrongResult if a number does not arrive.
    """
    cpu = [each.cpu() for each in contenders]
    for each in contenders:
        each.begin_presses()
    begun, period = time.monotonic(), 1 / PER_SECOND / len(contenders)
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds * PER_SECOND)):
            for position, each in enumerate(random.sample(contenders, len(contenders))):
                due = begun + (number * len(contenders) + position) * period
                await asyncio.sleep(max(due - time.monotonic(), 0))
                group.create_task(each.press(due))
    await asyncio.sleep(DRAIN_SECONDS)
    return [press_values(each, used) for each, used in zip(contenders, used_since(cpu, contenders), strict=True)]


def press_values(contender: Contender, cpu: dict[str, float]) -> Values:
    """Return the values of one topology after its presses. cpu: the CPU time that each role has used."""
    answered, shown = contender.end_presses()
    if len(shown) != len(answered) * SCREENS_PER_STORE:
        raise WrongResult(f"{len(answered)} presses painted {len(shown)} numbers")
    return {
        "CPU of press per press": cpu["press"] / len(answered) * 1e6,
        "CPU of Redis per press": cpu["redis"] / len(answered) * 1e6,
        # Each number is painted, and later removed.
        "CPU of ws and Nginx per repaint": (cpu["ws"] + cpu["nginx"]) / len(shown) / 2 * 1e6,
        "press p50": percentile(answered, 50) * 1000,
        "press p99": percentile(answered, 99) * 1000,
        "number on the screens p99": percentile(shown, 99) * 1000,
    }


def used_since(before: list[dict[str, float]], contenders: list[Contender]) -> list[dict[str, float]]:
    """Return the CPU time that each role of each topology has used since `before`, in seconds."""
    now = [each.cpu() for each in contenders]
    return [{role: own[role] - then[role] for role in own} for own, then in zip(now, before, strict=True)]
