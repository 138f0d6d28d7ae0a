"""Every measure on every system, round after round, so that a machine that changes its mind changes it for all of them.

`make bench`; `make bench SCREENS=1000 ROUNDS=1` for a first look.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from loadtests.bench import plots, press_measures, report, screen_measures
from loadtests.bench.samples import Sample
from loadtests.bench.systems import SYSTEMS, System, learn, missing
from loadtests.load import RESULTS

SIZES = (1000, 5000, 10_000)
CUT_SCREENS = 5000
PRESSES = 5
STORES = 500
PRESS_SECONDS = 6.0
CHURN_CYCLES, CHURN_SIZE = 50, 1000
GROWTH_SCREENS = 2000
STORES_GROW, REPLICAS_GROW = (1, 10, 100, 500), (1, 2, 4)
Measure = Callable[[System], AsyncIterator[Sample]]


class Bench:
    """What was measured so far, which is written down after each system. failures: what could not be measured."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.samples: list[Sample] = []
        self.failures: list[str] = []
        self._folder, self._rounds = folder, rounds
        self._log = (folder / "bench.log").open("w", buffering=1)

    async def run(self, name: str, stores: int, *measures: Measure, replicas: int = 2, growing: str = "") -> None:
        """Start a system, measure, and stop it."""
        try:
            with (
                tempfile.TemporaryDirectory(prefix="cashier_q-bench-") as folder,
                SYSTEMS[name](Path(folder) / "var", self._take, stores, replicas) as system,
            ):
                system.growing = growing
                await learn(system, stores)
                for measure in measures:
                    await self._measure(measure(system))
        except Exception as fault:  # of any kind: the other systems' figures are good
            self.failures.append(f"{name} (of {', '.join(map(title, measures))}): {fault!r}")
            print(f"given up: {self.failures[-1]}", flush=True)
        gc.unfreeze()
        gc.collect()
        self.write()

    def write(self) -> str:
        """Table, figures and plots of what there is until now. Returns the report."""
        plots.write(self._folder, self.samples)
        return report.write(self._folder, self.samples, self.failures, self._rounds)

    async def _measure(self, samples: AsyncIterator[Sample]) -> None:
        async for sample in samples:
            self.samples.append(sample)
            setting = sample.setting
            where = f"{setting.screens:,} screens of {setting.stores} stores, {setting.replicas} replicas"
            print(f"{setting.system}, {where}: {sample.measure} {report.number(sample.value)}", flush=True)

    def _take(self, name: str, line: str) -> None:
        print(f"{name} | {line}", file=self._log)


def title(measure: Any) -> str:
    """Of a measure with its arguments."""
    return f"{measure.func.__module__.rpartition('.')[2]}.{measure.func.__name__}"


async def compare(bench: Bench, names: list[str], sizes: list[int], cut_screens: int) -> None:
    """One round of what all systems do."""
    for name in names:
        await bench.run(name, 1, partial(screen_measures.measure, sizes=sizes, presses=PRESSES))
        await bench.run(name, 1, partial(screen_measures.cut, size=cut_screens))
    for name in names:
        # The demo has one store: each press would paint all 1,000 screens.
        counts = (0,) if name == "demo" else (0, 1000)
        measures = [partial(press_measures.measure, screens=screens, seconds=PRESS_SECONDS) for screens in counts]
        await bench.run(name, STORES, *measures)


async def grow(bench: Bench, names: list[str]) -> None:
    """What screens leave behind; and cashier_q with more and more stores, and replicas."""
    if "cashier_q" not in names:
        return
    await bench.run("cashier_q", 1, partial(screen_measures.churn, cycles=CHURN_CYCLES, size=CHURN_SIZE))
    measures: list[Measure] = [
        partial(screen_measures.measure, sizes=[GROWTH_SCREENS], presses=PRESSES),
        partial(screen_measures.idle, size=GROWTH_SCREENS),
        partial(press_measures.measure, screens=0, seconds=PRESS_SECONDS),
    ]
    for stores in STORES_GROW:
        await bench.run("cashier_q", stores, *measures, growing="stores")
    for replicas in REPLICAS_GROW:
        await bench.run("cashier_q", 1, *measures, replicas=replicas, growing="replicas")


async def measure_all(bench: Bench, names: list[str], sizes: list[int], rounds: int, growth: bool) -> None:
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        turn = number % len(names)  # nobody is always the first
        await compare(bench, names[turn:] + names[:turn], sizes, CUT_SCREENS if growth else sizes[0])
    if growth:
        await grow(bench, names)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="cashier_q and its peers, in one run.")
    parser.add_argument("--screens", type=int, help="instead of 1,000, 5,000 and 10,000; without growth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table and plots")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    bench, started = Bench(options.results, options.rounds), time.monotonic()
    left_out = {name: how for name, how in missing().items() if name in options.systems}
    bench.failures += [f"{name} is not installed and left out: {how}" for name, how in left_out.items()]
    print(*bench.failures, sep="\n", flush=True)
    names = [name for name in options.systems if name not in left_out]
    sizes = [options.screens] if options.screens else list(SIZES)
    gc.disable()  # the client's: it would stop in the middle of what it times
    uvloop.run(measure_all(bench, names, sizes, options.rounds, not options.screens))
    print(bench.write())
    print(f"{(time.monotonic() - started) / 60:.0f} minutes; written to {options.results}: bench.md, bench.json, plots")


if __name__ == "__main__":
    main()
