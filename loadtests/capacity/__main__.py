"""The command behind `make capacity`: prints the largest load at which all promises hold, and the bottleneck."""

import argparse
import sys
from pathlib import Path

from loadtests import history
from loadtests.capacity.promise import PROMISES
from loadtests.capacity.search import search
from loadtests.capacity.trial import Trial, try_size
from loadtests.history import RESULTS
from loadtests.options import positive, stop_at_sigterm

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="make capacity", description="Search for the largest load.")
    parser.add_argument("--promise", choices=PROMISES, required=True, help="what grows")
    parser.add_argument("--start", type=positive, help="the first size (default: a size that two slow cores can serve)")
    parser.add_argument("--rounds", type=positive, default=ROUNDS, help="how often the limit is searched")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    stop_at_sigterm()
    promise, revision = PROMISES[options.promise], history.revision()

    def try_and_print(size: int) -> Trial:
        trial = try_size(size, promise.profile(size), options.results)
        print(trial, flush=True)
        return trial

    try:
        capacity = search(try_and_print, options.start or promise.start, options.rounds)
    except ValueError as error:
        sys.exit(f"cashier_q: {error}")
    command = f"capacity {options.promise}"
    spread = (promise.unit, float(capacity.size), float(capacity.low), float(capacity.high))
    history.add(options.results, command, {"capacity": spread}, revision)
    print(f"\ncapacity: {capacity.size} {promise.unit}")
    print(f"spread: {capacity.low} to {capacity.high} in {len(capacity.found)} rounds")
    print(f"smallest size that failed: {capacity.limit}")


if __name__ == "__main__":
    main()
