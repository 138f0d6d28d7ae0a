"""The load: Locust with a profile, against a topology of its own or a system that runs elsewhere, and the verdict.

`make load PROFILE=store`. Ends with 0 if every promise was kept, 1 if one was broken, 3 if the generator was too slow
to tell. A system that runs elsewhere must have the profile's stores.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from cashier_local.ports import free_port, wait_until
from cashier_local.topology import Topology
from loadtests.fault_injector import FaultInjector
from loadtests.measure.process_meter import ProcessMeter
from loadtests.measure.records import Records
from loadtests.profiles import HOLD_SECONDS, PROFILES, Profile, every
from loadtests.verdict import report, slos
from loadtests.verdict.ledger import balance
from loadtests.verdict.run import Run

RESULTS = Path(__file__).parent / "results"
WRITE_SECONDS = 120.0
EXIT_CODES = {"kept": 0, "broken": 1, "void": 3}


@contextmanager
def own_topology(folder: Path, profile: Profile, log: Path) -> Iterator[Topology]:
    """Two replicas, open buttons, and the profile's stores. log: the file that takes all of its lines."""
    environment = {
        **os.environ,
        "CASHIER_OPEN_BUTTONS": "true",
        "CASHIER_OPEN_SCREENS": "true",
        "CASHIER_LOG_LEVEL": "WARNING",
    }
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(log.open("w", buffering=1))
        topology = Topology(folder, lambda name, line: print(f"{name} | {line}", file=lines), environment=environment)
        topology.start()
        stack.callback(topology.stop)
        if profile.stores > 1:
            stores = f"[Store(slug=slug, name=slug) for slug in {profile.slugs()}]"
            code = f"from cashier_web.models import Store; Store.objects.bulk_create({stores})"
            topology.manage("shell", "--no-imports", "-c", code)
        yield topology


def locust(run: Run, folder: Path, processes: int) -> Records:
    """Run it to its end and read what its processes wrote down. Raises SystemExit if it failed."""
    profile, port = run.profile, str(free_port())
    argv = [
        *(sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("locustfile.py")), "--headless"),
        *("--host", run.host, "--processes", str(processes), "--only-summary", "--loglevel", "WARNING"),
        # A port of its own for Locust's processes, or those of another run on this machine would join this one.
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port),
    ]
    environment = {
        **os.environ,
        "PROFILE": profile.name,
        "SECONDS": str(profile.seconds),
        "BEGIN": str(run.begin),
        "RECORDS": str(folder),
    }
    done = subprocess.run(argv, env=environment, check=False)
    files = partial(folder.glob, "*.json")
    if not done.returncode:
        # Locust doesn't wait for its processes, and what they have seen in hours takes a while to write.
        wait_until(lambda: len(list(files())) == processes, WRITE_SECONDS, "Locust's processes tell what they saw")
    if len(told := sorted(files())) != processes:
        raise SystemExit(
            f"Locust ended with {done.returncode}, and {len(told)} of its {processes} processes told of it"
        )
    return Records.read(told)


def run_profile(profile: Profile, host: str, processes: int, results: Path) -> Run:
    """The run, with nothing judged yet."""
    results.mkdir(parents=True, exist_ok=True)
    log = results / f"{profile.name}.log"
    with tempfile.TemporaryDirectory(prefix="cashier_q-load-") as folder, contextlib.ExitStack() as stack:
        records = Path(folder) / "records"
        records.mkdir()
        topology = None if host else stack.enter_context(own_topology(Path(folder) / "var", profile, log))
        run = Run(profile, host or (topology.url if topology else ""), time.monotonic() + profile.ramp_seconds)
        print(
            f"{profile.name}: {profile.screens} screens of {profile.stores} stores, {profile.per_second:g} presses a "
            f"second for {profile.seconds:.0f} s after {profile.ramp_seconds:.0f} s, at {run.host}",
            flush=True,
        )
        if topology:
            meter = stack.enter_context(ProcessMeter(topology.processes))
            breaker = stack.enter_context(FaultInjector(topology, run.begin, profile.faults))
            run.samples = meter.samples
        run.records = locust(run, records, processes)
        if topology:
            run.faults += breaker.done
    return run


def main() -> None:
    parser = argparse.ArgumentParser(prog="make load", description="Load, exactly accounted for.")
    parser.add_argument("--profile", choices=PROFILES, default="smoke")
    parser.add_argument("--host", default="", help="a system that runs already; otherwise one is started here")
    parser.add_argument("--seconds", type=float, help="of pressing, instead of the profile's")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="of the generator")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the report")
    options = parser.parse_args()
    profile = PROFILES[options.profile]
    if options.seconds:
        faults = every(30, until=options.seconds) if profile.faults else ()
        profile = replace(profile, seconds=options.seconds, faults=faults)
    if profile.faults and options.host:
        parser.error("the profile `faults` kills processes, and so needs a topology of its own")
    run = run_profile(profile, options.host, options.processes, options.results)
    account = balance(run.records, HOLD_SECONDS, run.kills)
    lines = slos.judge(run, account)
    told = slos.verdict(lines)
    page = report.write(options.results, run, account, lines)
    print(f"\n{slos.table(lines)}\n\n{told}; the report: {page}")
    sys.exit(EXIT_CODES[told])


if __name__ == "__main__":
    main()
