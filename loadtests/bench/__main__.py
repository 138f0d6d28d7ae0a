"""Every measure on every system, round after round, so that a machine that changes its mind changes it for all of them.

`make bench`; `make bench SCREENS=1000 ROUNDS=1` for a first look.
"""

import argparse
import gc
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import uvloop

from loadtests.bench import plots, table, tills, walls
from loadtests.bench.samples import Sample, Setting
from loadtests.bench.systems import SYSTEMS, System, learn, missing
from loadtests.load import RESULTS

SIZES = (1000, 5000, 10_000)
CUT_AT = 5000
PRESSES = 5
STORES = 500
PRESS_SECONDS = 5.0
CHURN_CYCLES, CHURN_SIZE = 10, 1000
GROWTH_SCREENS = 2000
STORES_GROW, REPLICAS_GROW = (1, 10, 100, 500), (1, 2, 4)
Measure = Callable[[System], AsyncIterator[Sample]]


class Bench:
    """What was measured so far. log: takes what the systems say."""

    def __init__(self, log: Path) -> None:
        self.samples: list[Sample] = []
        self._log = log.open("w", buffering=1)

    async def run(self, name: str, stores: int, replicas: int, *measures: Measure) -> None:
        """Start a system, measure, and stop it. What it can't do is said and left out."""
        with tempfile.TemporaryDirectory(prefix="cashier_q-bench-") as folder:
            start = SYSTEMS[name](Path(folder) / "var", self._take, stores, replicas)
            with start as system:
                await learn(system, stores)
                for measure in measures:
                    try:
                        async for sample in measure(system):
                            self.samples.append(sample)
                            show(sample)
                    except (walls.Wrong, ConnectionError, TimeoutError) as fault:
                        print(f"{name}: left out from here on: {fault!r}", flush=True)
                        break
        gc.unfreeze()
        gc.collect()

    def _take(self, name: str, line: str) -> None:
        print(f"{name} | {line}", file=self._log)


def show(sample: Sample) -> None:
    setting: Setting = sample.setting
    where = f"{setting.system}, {setting.screens:,} screens of {setting.stores} stores, {setting.replicas} replicas"
    print(f"{where}: {sample.measure} {table.number(sample.value)}", flush=True)


async def side_by_side(bench: Bench, names: list[str], sizes: list[int]) -> None:
    """One round of what is compared."""
    for name in names:
        await bench.run(name, 1, 2, lambda system: walls.measure(system, sizes, 2, PRESSES, CUT_AT))
    for name in names:
        measures: list[Measure] = [partial(tills.measure, screens=0, replicas=2, seconds=PRESS_SECONDS)]
        if name != "demo":  # it has one store: each press would paint all 1,000
            measures.append(partial(tills.measure, screens=1000, replicas=2, seconds=PRESS_SECONDS))
        await bench.run(name, STORES, 2, *measures)


async def alone(bench: Bench, names: list[str]) -> None:
    """What screens leave behind, and how cashier_q grows with stores and replicas."""
    for name in names:
        if name != "nchan":  # which has no replicas
            await bench.run(name, 1, 2, lambda system: walls.churn(system, 2, CHURN_CYCLES, CHURN_SIZE))
    for stores in STORES_GROW:
        await grow(bench, stores, 2)
    for replicas in REPLICAS_GROW:
        await grow(bench, 1, replicas)


async def grow(bench: Bench, stores: int, replicas: int) -> None:
    """cashier_q in one shape."""
    await bench.run(
        "cashier_q",
        stores,
        replicas,
        lambda system: walls.measure(system, [GROWTH_SCREENS], replicas, PRESSES, 0),
        lambda system: tills.measure(system, 0, replicas, PRESS_SECONDS),
    )


async def measure_all(bench: Bench, names: list[str], sizes: list[int], rounds: int, growth: bool) -> None:
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}", flush=True)
        await side_by_side(bench, names, sizes)
    if growth:
        await alone(bench, names)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="cashier_q and its peers, in one run.")
    parser.add_argument("--screens", type=int, help="instead of 1,000, 5,000 and 10,000; without growth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table and plots")
    options = parser.parse_args()
    left_out = {name: how for name, how in missing().items() if name in options.systems}
    for name, how in left_out.items():
        print(f"{name} is not installed and left out: {how}")
    names = [name for name in options.systems if name not in left_out]
    sizes = [options.screens] if options.screens else list(SIZES)
    options.results.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.results / "bench.log")
    gc.disable()  # the client's: it would stop in the middle of what it times
    uvloop.run(measure_all(bench, names, sizes, options.rounds, not options.screens))
    print(table.write(options.results, bench.samples, left_out, options.rounds))
    plots.write(options.results, bench.samples)
    print(f"written to {options.results}: bench.md, bench.json and the plots")


if __name__ == "__main__":
    main()
