"""The command behind `make compare`: prints the ratio of each measure, and exits with 1 if one of them is worse.

The new revision is the working tree. The base revision is checked out into a folder of its own.
"""

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from cashier_local.topology import ROOT
from loadtests import history
from loadtests.compare.block import MEASURES, Values, measure_block
from loadtests.compare.ratios import Ratio, ratio
from loadtests.compare.revisions import check_out, install, name_of
from loadtests.history import RESULTS
from loadtests.verdict.report import text_table

BLOCKS = 18
"""The number of blocks of a comparison.

Two starts of the same program differ by up to 3 %, so many short blocks are more exact than a few long ones."""


async def measure(checkouts: list[Path], blocks: int, log: Path) -> list[list[Values]]:
    """Return the values of both revisions in each block."""
    found = []
    with tempfile.TemporaryDirectory(prefix="cashier_q-prepared-") as prepared:
        for number in range(blocks):
            begun = time.monotonic()
            found.append(await measure_block(checkouts, Path(prepared), log))
            print(f"block {number + 1} of {blocks}: {time.monotonic() - begun:.0f} s", flush=True)
    return found


def compare(found: list[list[Values]]) -> dict[str, Ratio]:
    """Return the ratio of each measure. found: the values of both revisions in each block."""
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="make compare", description="Compare the working tree with a revision.")
    parser.add_argument("--base", required=True, help="the revision to compare with, for example HEAD or a tag")
    parser.add_argument(
        "--blocks", type=int, default=BLOCKS, help="number of measurements; each takes about half a minute"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    if options.blocks < 2:
        parser.error("a confidence interval needs at least 2 blocks")
    options.results.mkdir(parents=True, exist_ok=True)
    names = [name_of(options.base), history.revision()]
    checkouts = [check_out(options.base), ROOT]
    install(ROOT)
    # Garbage collection is switched off, because it would stop the client for a moment and so make the measured times
    # longer.
    gc.disable()
    found = uvloop.run(measure(checkouts, options.blocks, options.results / "compare.log"))
    ratios = compare(found)
    for index, name in enumerate(names):
        values = {measure: [values[index][measure] for values in found] for measure in MEASURES}
        history.add(
            options.results,
            "compare",
            {
                measure: (MEASURES[measure], sum(each) / len(each), min(each), max(each))
                for measure, each in values.items()
            },
            of_revision=name,
        )
    print(table(ratios, ["base", "new"] if names[0] == names[1] else names))
    worse = [name for name, each in ratios.items() if each.low > 1]
    print(f"\nworse: {', '.join(worse) or 'nothing'}")
    sys.exit(bool(worse))


if __name__ == "__main__":
    main()
