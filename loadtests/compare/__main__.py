"""The command behind `make compare`: prints the ratio of each measure.

The exit code is 0 if no measure is worse, 1 if a measure is worse, and 2 after an error. The new revision is the
working tree. The base revision is checked out into a folder of its own.
"""

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean

import uvloop

from cashier_local.topology import ROOT
from loadtests import history
from loadtests.compare.block import MEASURES, Values, measure_block
from loadtests.compare.ratios import Ratio, ratio
from loadtests.compare.revisions import CannotInstall, check_out, install, name_of
from loadtests.history import RESULTS
from loadtests.options import positive, stop_at_sigterm
from loadtests.repository import GitError
from loadtests.verdict.report import text_table

BLOCKS = 18
"""The number of blocks of a comparison.

Two starts of the same program differ by up to 3 %, so many short blocks are more exact than a few long ones."""


async def measure(checkouts: list[Path], blocks: int, log: Path) -> tuple[list[list[Values]], str]:
    """Return the values of both revisions in each block, and why a block has failed; "" if none has failed.

    After a failed block, nothing else is measured.
    """
    found: list[list[Values]] = []
    with tempfile.TemporaryDirectory(prefix="cashier_q-prepared-") as prepared:
        for number in range(1, blocks + 1):
            begun = time.monotonic()
            try:
                found.append(await measure_block(checkouts, Path(prepared), log))
            except Exception as error:
                # Every kind of error is caught, because the blocks that are complete are still valid.
                return found, f"block {number} has failed with {error!r}; the log is {log}"
            print(f"block {number} of {blocks}: {time.monotonic() - begun:.0f} s", flush=True)
    return found, ""


def compare(found: list[list[Values]]) -> dict[str, Ratio]:
    """Return the ratio of each measure. found: in each block the values of the base revision and of the new one."""
    return {
        name: ratio([base[name] for base, _ in found], [new[name] for _, new in found], len(MEASURES))
        for name in MEASURES
    }


def table(ratios: dict[str, Ratio], names: list[str]) -> str:
    rows = [["measure", *names, "ratio", "interval", ""]]
    for name, each in ratios.items():
        values = [f"{value:.4g} {MEASURES[name]}" for value in (each.base, each.new)]
        rows.append([name, *values, f"{each.ratio:.3f}", f"{each.low:.3f} to {each.high:.3f}", each.word])
    return text_table(rows)


def store(results: Path, found: list[list[Values]], names: list[str]) -> None:
    """Add the values of both revisions to the history of results."""
    for index, name in enumerate(names):
        values = {measure: [each[index][measure] for each in found] for measure in MEASURES}
        summaries = {
            measure: (MEASURES[measure], fmean(each), min(each), max(each)) for measure, each in values.items()
        }
        history.add(results, "compare", summaries, name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make compare", description="Compare the working tree with a revision.")
    parser.add_argument("--base", required=True, help="the revision to compare with, for example HEAD or a tag")
    parser.add_argument(
        "--blocks", type=positive, default=BLOCKS, help="number of measurements; each takes about half a minute"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    if options.blocks < 2:
        parser.error("a confidence interval needs at least 2 blocks")
    stop_at_sigterm()
    options.results.mkdir(parents=True, exist_ok=True)
    log = options.results / "compare.log"
    log.unlink(missing_ok=True)
    try:
        names = [name_of(options.base), history.revision()]
        checkouts = [check_out(options.base), ROOT]
        install(ROOT)
    except (GitError, CannotInstall) as error:
        parser.error(f"BASE={options.base}: {error}")
    # Garbage collection is switched off, because it would stop the client for a moment and so make the measured times
    # longer.
    gc.disable()
    found, failure = uvloop.run(measure(checkouts, options.blocks, log))
    if len(found) < 2:
        parser.error(failure)
    ratios = compare(found)
    print(table(ratios, ["base", "new"] if names[0] == names[1] else names))
    store(options.results, found, names)
    if failure:
        parser.error(failure)
    worse = [name for name, each in ratios.items() if each.low > 1]
    print(f"\nworse: {', '.join(worse) or 'nothing'}")
    sys.exit(bool(worse))


if __name__ == "__main__":
    main()
