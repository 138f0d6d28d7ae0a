"""The command behind `make load`: runs Locust with a profile, and prints the verdict.

Locust puts load on a local topology that this command starts, or on a system that runs already. Such a system must have
the stores of the profile. The exit code is 0 if every objective was met, and 1 if an objective was not met. It is 3 if
the verdict is void, because the load generator was too slow to judge the system.
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
from loadtests.profiles import HOLD_SECONDS, PROFILES, Profile, faults_every
from loadtests.verdict import report, slos
from loadtests.verdict.ledger import balance
from loadtests.verdict.run import Run

RESULTS = Path(__file__).parent / "results"
WRITE_SECONDS = 120.0
"""How long to wait after a run until the processes of Locust have written their records."""
EXIT_CODES = {slos.PASSED: 0, slos.FAILED: 1, slos.VOID: 3}


@contextmanager
def local_topology(folder: Path, profile: Profile, log: Path) -> Iterator[Topology]:
    """Start a topology with two replicas and the stores of the profile, and stop it at the end.

    Its buttons and screens need no account. log: the file for the output of all its processes.
    """
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


def run_locust(run: Run, folder: Path, processes: int) -> Records:
    """Run Locust until it ends, and return what its processes have recorded in `folder`.

    Raises SystemExit if Locust failed.
    """
    profile, port = run.profile, str(free_port())
    argv = [
        *(sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("locustfile.py")), "--headless"),
        *("--host", run.host, "--processes", str(processes), "--only-summary", "--loglevel", "WARNING"),
        # Locust's processes find each other at this port. With Locust's default port, the processes of another run on
        # the same machine would join this run.
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port),
    ]
    environment = {
        **os.environ,
        "PROFILE": profile.name,
        "SECONDS": str(profile.seconds),
        "BEGIN": str(run.begin),
        "RECORDS": str(folder),
    }
    completed = subprocess.run(argv, env=environment, check=False)
    files = partial(folder.glob, "*.json")
    if not completed.returncode:
        # The records are complete only when every process of Locust has written its file. Locust's main process does
        # not wait for its other processes. After a run of several hours, these processes need some time to write.
        wait_until(lambda: len(list(files())) == processes, WRITE_SECONDS, "the records of Locust's processes")
    if len(written := sorted(files())) != processes:
        raise SystemExit(
            f"Locust ended with exit code {completed.returncode}; {len(written)} of {processes} processes wrote records"
        )
    return Records.read(written)


def run_profile(profile: Profile, host: str, processes: int, results: Path) -> Run:
    """Run a profile, and return the run without a verdict.

    host: the URL of a running system. If it is empty, a local topology is started.
    """
    results.mkdir(parents=True, exist_ok=True)
    log = results / f"{profile.name}.log"
    with tempfile.TemporaryDirectory(prefix="cashier_q-load-") as folder, contextlib.ExitStack() as stack:
        records = Path(folder) / "records"
        records.mkdir()
        topology = None if host else stack.enter_context(local_topology(Path(folder) / "var", profile, log))
        run = Run(profile, host or (topology.url if topology else ""), time.monotonic() + profile.ramp_seconds)
        print(
            f"{profile.name}: {profile.description}, at {run.host}; the first press is in {profile.ramp_seconds:.0f} s",
            flush=True,
        )
        if topology:
            meter = stack.enter_context(ProcessMeter(topology.processes))
            injector = stack.enter_context(FaultInjector(topology, run.begin, profile.faults))
            run.samples = meter.samples
        run.records = run_locust(run, records, processes)
        if topology:
            run.faults += injector.injected
    return run


def main() -> None:
    parser = argparse.ArgumentParser(prog="make load", description="Run a load profile and print an exact verdict.")
    parser.add_argument("--profile", choices=PROFILES, default="smoke")
    parser.add_argument("--host", default="", help="URL of a running system (default: start a local topology)")
    parser.add_argument(
        "--seconds", type=float, help="for how many seconds to press (default: as long as the profile says)"
    )
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="number of processes of the load generator"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report")
    options = parser.parse_args()
    profile = PROFILES[options.profile]
    if options.seconds:
        faults = faults_every(30, until=options.seconds) if profile.faults else ()
        profile = replace(profile, seconds=options.seconds, faults=faults)
    if profile.faults and options.host:
        parser.error(
            "the profile `faults` kills processes, so it runs only with a local topology of its own, without --host"
        )
    run = run_profile(profile, options.host, options.processes, options.results)
    account = balance(run.records, HOLD_SECONDS, run.kills)
    objectives = slos.evaluate(run, account)
    verdict = slos.verdict(objectives)
    page = report.write(options.results, run, account, objectives)
    print(f"\n{slos.table(objectives)}\n\nverdict: {verdict}\nreport: {page}")
    sys.exit(EXIT_CODES[verdict])


if __name__ == "__main__":
    main()
