"""The command behind `make bench`: measures every system, in several rounds.

In each round the systems take turns. If the machine becomes slower or faster during the benchmark, this affects all
systems alike. `make bench SCREENS=1000 ROUNDS=1` is a short first run.
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

from loadtests import history
from loadtests.bench import plots, report
from loadtests.bench.press_measures import measure_presses
from loadtests.bench.samples import Sample, summarize
from loadtests.bench.screen_measures import measure_churn, measure_cut, measure_idle, measure_sizes
from loadtests.bench.systems import SYSTEMS, System, missing, read_pages
from loadtests.history import RESULTS

SIZES = (1000, 5000, 10_000)
CUT_SCREENS = 5000
PRESSES = 5
STORES = 500
PRESS_SECONDS = 6.0
CHURN_CYCLES, CHURN_SIZE = 50, 1000
GROWTH_SCREENS = 2000
GROWTH_STORES, GROWTH_REPLICAS = (1, 10, 100, 500), (1, 2, 4)
Measure = Callable[[System], AsyncIterator[Sample]]


class Bench:
    """Runs the measurements and collects their results. It writes all results to files after each system.

    failures: descriptions of the measurements that failed.
    """

    def __init__(self, folder: Path, rounds: int) -> None:
        self.samples: list[Sample] = []
        self.failures: list[str] = []
        self._folder, self._rounds = folder, rounds
        self._log = (folder / "bench.log").open("w", buffering=1)

    async def run(self, name: str, stores: int, *measures: Measure, replicas: int = 2, growing: str = "") -> None:
        """Start a system, run measurements on it, and stop the system."""
        try:
            with (
                tempfile.TemporaryDirectory(prefix="cashier_q-bench-") as folder,
                SYSTEMS[name](Path(folder) / "var", self._log_line, stores, replicas) as system,
            ):
                system.growing = growing
                await read_pages(system, stores)
                for measure in measures:
                    await self._take(measure(system))
        except Exception as fault:
            # Every kind of error is caught, so that the benchmark continues with the other systems. Their results are
            # still valid.
            self.failures.append(f"{name}: {', '.join(map(measure_name, measures))} failed with {fault!r}")
            print(self.failures[-1], flush=True)
        gc.unfreeze()
        gc.collect()
        self.write()

    def write(self) -> str:
        """Write the report and the plots of everything measured until now, and return the report as Markdown."""
        plots.write(self._folder, self.samples)
        return report.write(self._folder, self.samples, self.failures, self._rounds)

    async def _take(self, samples: AsyncIterator[Sample]) -> None:
        async for sample in samples:
            self.samples.append(sample)
            setting, value = sample.setting, report.format_number(sample.value)
            place = f"{setting.screens:,} screens, {setting.stores} stores, {setting.replicas} replicas"
            print(f"{setting.system}, {place}: {sample.measure} {value}", flush=True)

    def _log_line(self, process: str, line: str) -> None:
        print(f"{process} | {line}", file=self._log)


def measure_name(measure: Any) -> str:
    """Return the name of a measurement, which is the name of its function.

    measure: the function and its arguments, combined by `functools.partial`.
    """
    return str(measure.func.__name__)


async def compare(bench: Bench, names: list[str], sizes: list[int], cut_screens: int) -> None:
    """Run one round of the measurements that compare the systems with each other."""
    for name in names:
        await bench.run(name, 1, partial(measure_sizes, sizes=sizes, presses=PRESSES))
        await bench.run(name, 1, partial(measure_cut, size=cut_screens))
        await bench.run(name, 1, partial(measure_idle, size=cut_screens))
    for name in names:
        # In the demo, all screens belong to one store, so each press would paint all 1,000 screens. In the other
        # systems, the 1,000 screens belong to 500 stores, so each press paints two screens. The two cases cannot be
        # compared. Therefore the presses of the demo are measured without screens.
        counts = (0,) if name == "demo" else (0, 1000)
        measures = [partial(measure_presses, screens=screens, seconds=PRESS_SECONDS) for screens in counts]
        await bench.run(name, STORES, *measures)


async def measure_growth(bench: Bench, names: list[str]) -> None:
    """Measure how the costs of cashier_q grow. The peers are not measured.

    The first measurement is the memory that remains in the replicas after screens have disconnected. All other
    measurements are repeated, first with more and more stores, and then with more and more replicas.
    """
    if "cashier_q" not in names:
        return
    await bench.run("cashier_q", 1, partial(measure_churn, cycles=CHURN_CYCLES, size=CHURN_SIZE))
    measures: list[Measure] = [
        partial(measure_sizes, sizes=[GROWTH_SCREENS], presses=PRESSES),
        partial(measure_idle, size=GROWTH_SCREENS),
        partial(measure_presses, screens=0, seconds=PRESS_SECONDS),
    ]
    for stores in GROWTH_STORES:
        await bench.run("cashier_q", stores, *measures, growing="stores")
    for replicas in GROWTH_REPLICAS:
        await bench.run("cashier_q", 1, *measures, replicas=replicas, growing="replicas")


async def measure_all(bench: Bench, names: list[str], sizes: list[int], rounds: int, growth: bool) -> None:
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        # Each round begins with a different system, so that no system is always measured first.
        first = number % len(names)
        await compare(bench, names[first:] + names[:first], sizes, CUT_SCREENS if growth else sizes[0])
    if growth:
        await measure_growth(bench, names)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure cashier_q and its peers in one run.")
    parser.add_argument(
        "--screens",
        type=int,
        help="number of screens (default: 1,000, 5,000 and 10,000; only then is growth measured, too)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds in which the systems take turns")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report and the plots")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    revision = history.revision()
    bench, started = Bench(options.results, options.rounds), time.monotonic()
    left_out = {name: command for name, command in missing().items() if name in options.systems}
    bench.failures += [f"{name} is not installed; install it with: {command}" for name, command in left_out.items()]
    print(*bench.failures, sep="\n", flush=True)
    names = [name for name in options.systems if name not in left_out]
    sizes = [options.screens] if options.screens else list(SIZES)
    # Garbage collection is switched off, because it would stop the client for a moment and so make the measured times
    # longer.
    gc.disable()
    uvloop.run(measure_all(bench, names, sizes, options.rounds, not options.screens))
    print(bench.write())
    history.add(options.results, "bench", report.history_values(summarize(bench.samples)), revision)
    minutes = (time.monotonic() - started) / 60
    print(f"{minutes:.0f} minutes; bench.md, bench.json and the plots are in {options.results}")


if __name__ == "__main__":
    main()
