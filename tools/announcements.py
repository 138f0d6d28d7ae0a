"""Measures what announcements of other stores cost a replica, up to the rate at which one core is busy.

`make announcements` starts one Redis server and one replica. 100,000 stores have a timeline in Redis. The replica has
screens of only 100 of them, but gets the announcements of all. A process presses in random stores, at a rate that
doubles in each step. The program prints the CPU time of the replica and of Redis, and how long after a press a screen
shows the call. It ends when Redis or the replica is so busy that calls come late. With REPLICAS, there are more
replicas with screens of the same stores. The CPU time of Redis then shows what each replica costs Redis.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import psutil
import uvloop
from redis import Redis
from redis.commands.core import Script

from cashier_core import env, history, timeline
from cashier_core.call import Policy
from loadtests.clients.asyncio_screen import AsyncioScreen, open_screen
from loadtests.measure.cpu_time import cpu_seconds
from loadtests.options import positive
from tests.support.topologies import Log, Valkey
from tests.support.ws_server import Server, path_of, serve

STORES, OWN_STORES, SCREENS_PER_STORE = 100_000, 100, 10
STEP_SECONDS, IDLE_SECONDS = 15.0, 10.0
FIRST_RATE, LAST_RATE = 250, 32_000
PROBE_SECONDS = 0.25
"""The time between two presses whose calls are watched on a screen."""
LATE_SECONDS = 0.2
"""If half of the watched calls are later, the core is too busy."""
BATCH_SECONDS = 0.02
HOLD_MS = 3_000


class Presses(timeline.Timeline):
    """Collects presses, and sends them together. The receipts are not read."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.pipeline = redis.pipeline(transaction=False)

    def _send(self, script: Script, names: list[str], arguments: list[str], copies: int) -> Any:
        script(keys=names, args=arguments, client=cast(Redis, self.pipeline))
        return ["called", 1, 0, 1, "", ""]

    def press_in(self, number: int) -> None:
        """Press in the store with this number."""
        self.press(store_of(number), number % 9 + 1, "en", idle_language="en", hold_ms=HOLD_MS, policy=Policy.REPLACE)


def store_of(number: int) -> str:
    return f"store-{number}"


def press_all(url: str, stores: int) -> None:
    """Press once in each store, so that each has a timeline."""
    with timeline.connect(url) as redis:
        presses = Presses(redis)
        for number in range(stores):
            presses.press_in(number)
            if number % 1000 == 999:
                presses.pipeline.execute()
        presses.pipeline.execute()
        redis.delete(history.KEY)


def press_at(url: str, stores: int, rate: int, count: Any) -> None:
    """Press in random stores until the process is stopped. rate: presses per second. count: the number of presses."""
    with timeline.connect(url) as redis:
        presses = Presses(redis)
        begin, done = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - begin) * rate)
            for _ in range(min(due - done, 500)):
                presses.press_in(random.randrange(OWN_STORES, stores))
                done += 1
            # The service `tasks` deletes the entries of the history when they are in the database.
            presses.pipeline.xtrim(history.KEY, 1000)
            presses.pipeline.execute()
            count.value = done
            # The pause ends when the next batch is due. Without it, each press would be sent alone.
            time.sleep(max(0.0, begin + (done / rate) + BATCH_SECONDS - time.monotonic()))


@dataclass
class Step:
    """What was measured at one rate. The CPU times are in seconds of CPU time for each second."""

    rate: float
    replica: float
    redis: float
    delays: list[float]
    memory: int

    def row(self, idle: "Step | None") -> str:
        """Return a row of the table. idle: the step without presses of other stores."""
        costs = ["", ""]
        if idle and self.rate:
            costs = [
                f"{(mine - its) / self.rate * 1e6:.0f} µs"
                for mine, its in ((self.replica, idle.replica), (self.redis, idle.redis))
            ]
        middle, worst = statistics.median(self.delays) * 1000, max(self.delays) * 1000
        return (
            f"| {self.rate:,.0f} | {self.replica:.1%} | {costs[0]} | {self.redis:.1%} | {costs[1]} "
            f"| {middle:.0f} ms | {worst:.0f} ms | {self.memory / 2**20:.0f} MiB |"
        )


def shown_at(screen: AsyncioScreen, seq: int) -> float | None:
    """Return when the screen has received the call with this seq; None if it has not."""
    return next((paint.at for paint in screen.painted if paint.seq == seq and paint.till), None)


def shows(screen: AsyncioScreen, seq: int) -> bool:
    return shown_at(screen, seq) is not None


async def probe(redis: Redis, screens: Sequence[AsyncioScreen], seconds: float) -> list[float]:
    """Press in own stores, and return after how many seconds a screen of the store has received each number."""
    calls, delays = timeline.Timeline(redis), []
    until, store = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        screen = screens[store * SCREENS_PER_STORE]
        begin = time.monotonic()
        receipt = await asyncio.to_thread(
            calls.press, store_of(store), 1, "en", idle_language="en", hold_ms=HOLD_MS, policy=Policy.REPLACE
        )
        await screen.until_true(partial(shows, screen, receipt.seq), 10)
        delays.append((shown_at(screen, receipt.seq) or begin) - begin)
        store = (store + 1) % OWN_STORES
        await asyncio.sleep(max(0.0, begin + PROBE_SECONDS - time.monotonic()))
    return delays


async def measure(server: Server, valkey: Valkey, screens: Sequence[AsyncioScreen], stores: int, rate: int) -> Step:
    """Measure one rate."""
    count = multiprocessing.Value("q", 0)
    generator = multiprocessing.Process(target=press_at, args=(valkey.url, stores, rate, count), daemon=True)
    if rate:
        generator.start()
    with timeline.connect(valkey.url) as redis:
        await probe(redis, screens, 2)  # The rate is steady after this time.
        before = (cpu_seconds(server.pid), cpu_seconds(valkey.pid), count.value, time.monotonic())
        delays = await probe(redis, screens, STEP_SECONDS if rate else IDLE_SECONDS)
        after = (cpu_seconds(server.pid), cpu_seconds(valkey.pid), count.value, time.monotonic())
    if rate:
        generator.terminate()
        generator.join()
    seconds = after[3] - before[3]
    replica, redis_cpu, presses = ((after[index] - before[index]) / seconds for index in range(3))
    return Step(presses, replica, redis_cpu, delays, psutil.Process(server.pid).memory_info().rss)


async def run(servers: Sequence[Server], valkey: Valkey, stores: int) -> None:
    """Measure one rate after the other, and print a row for each. The first replica is measured."""
    server = servers[0]
    # All replicas have the same number of screens. Otherwise they would move screens.
    screens = [
        await open_screen(each.url, path_of(store_of(number)))
        for each in servers
        for number in range(OWN_STORES)
        for _ in range(SCREENS_PER_STORE)
    ]
    columns = ["announcements per second", "replica", "for each", "Redis", "for each", "call shown after", "at most"]
    columns.append("replica's memory")
    print("| " + " | ".join(columns) + " |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    idle = await measure(server, valkey, screens, stores, 0)
    print(idle.row(None), flush=True)
    rate = FIRST_RATE
    while rate <= LAST_RATE:
        step = await measure(server, valkey, screens, stores, rate)
        print(step.row(idle), flush=True)
        if statistics.median(step.delays) > LATE_SECONDS or step.rate < 0.9 * rate:
            break
        rate *= 2
    for screen in screens:
        screen.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make announcements", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stores", type=positive, default=STORES, help="number of stores")
    parser.add_argument("--replicas", type=positive, default=1, help="number of replicas")
    options = parser.parse_args()
    stores = max(options.stores, 2 * OWN_STORES)
    env.use_settings("tests.settings")
    with tempfile.TemporaryDirectory(prefix="cashier_q-") as folder:
        valkey = Valkey(Path(folder), Log())
        valkey.start()
        try:
            press_all(valkey.url, stores)
            with timeline.connect(valkey.url) as redis:
                used = redis.info("memory")["used_memory"] / stores
            print(f"{stores:,} stores have a timeline. Redis needs {used:,.0f} bytes of memory for each.\n")
            with contextlib.ExitStack() as replicas:
                servers = [
                    replicas.enter_context(serve("daphne", valkey.url, Path(folder))) for _ in range(options.replicas)
                ]
                uvloop.run(run(servers, valkey, stores))
        finally:
            valkey.stop()


if __name__ == "__main__":
    main()
