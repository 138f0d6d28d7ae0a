"""The command behind `make load`: runs Locust with a profile, and prints the verdict.

Locust puts load on a topology that this command starts, or on a system that runs already. Such a system must have
the stores of the profile. The exit code is 0 if every objective was met, and 1 if an objective was not met. It is 3 if
the verdict is void, because the load generator was too slow to judge the system.
"""

import argparse
import contextlib
import math
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from cashier_local.ports import free_port, wait_until
from cashier_local.topology import Topology
from loadtests.chaos.campaign import Campaign, possible
from loadtests.chaos.compose_topology import ComposeTopology
from loadtests.chaos.kinds import COMPOSE_KINDS, LOCAL_KINDS
from loadtests.chaos.local_topology import LocalChaosTopology
from loadtests.chaos.schedule import ScheduledFault, only, schedule
from loadtests.fault_injector import FaultInjector
from loadtests.measure.process_meter import ProcessMeter
from loadtests.measure.records import Records
from loadtests.profiles import HOLD_SECONDS, PROFILES, Profile, faults_every
from loadtests.topologies import compose_topology, local_topology
from loadtests.verdict import report, slos
from loadtests.verdict.ledger import balance
from loadtests.verdict.run import Run

RESULTS = Path(__file__).parent / "results"
SCREENS_OF_A_PROCESS = 10_000
"""The largest number of screens of one process of the load generator. Some hosts allow a process 20,000 open files."""
WRITE_SECONDS = 120.0
"""How long to wait after a run until the processes of Locust have written their records."""
EXIT_CODES = {slos.PASSED: 0, slos.FAILED: 1, slos.VOID: 3}


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
        "STORES": str(profile.stores),
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


@contextmanager
def flood(run: Run, answers: Path) -> Iterator[None]:
    """Start the program `flood` when the flood of the profile is due, and stop it at the end of the block.

    answers: the file for the output of the program.
    """
    argv = [sys.executable, "-m", "loadtests.flood", run.host, str(run.profile.flood_seconds), *run.profile.flooded]
    over = threading.Event()

    def start_when_due() -> None:
        if not over.wait(max(run.begin + run.profile.flood_at - time.monotonic(), 0)):
            with answers.open("w") as output, subprocess.Popen(argv, stdout=output) as process:
                while process.poll() is None and not over.wait(0.5):
                    pass
                process.kill()

    thread = threading.Thread(target=start_when_due)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def run_profile(
    profile: Profile,
    host: str,
    processes: int,
    results: Path,
    *,
    seed: int = 0,
    schedule: list[ScheduledFault],
    on_compose: bool = False,
) -> Run:
    """Run a profile, and return the run without a verdict.

    host: the URL of a running system. If it is empty, a local topology is started.
    seed, schedule: the seed of the profile `chaos`, and the faults to inject. In other profiles, the schedule is empty.
    on_compose: whether a compose stack is started instead of a local topology. Only a profile with random
    faults allows this.
    """
    results.mkdir(parents=True, exist_ok=True)
    log = results / f"{profile.name}.log"
    with tempfile.TemporaryDirectory(prefix="cashier_q-load-") as folder, contextlib.ExitStack() as stack:
        records = Path(folder) / "records"
        records.mkdir()
        topology: Topology | ComposeTopology | None = None
        if on_compose:
            topology = stack.enter_context(compose_topology(Path(folder) / "var", profile, log))
        elif not host:
            topology = stack.enter_context(local_topology(Path(folder) / "var", profile, log))
        begin = time.monotonic() + profile.ramp_seconds
        run = Run(
            profile,
            topology.url if topology else host,
            begin,
            seed=seed,
            schedule=[str(fault) for fault in schedule],
        )
        print(
            f"{profile.name}: {profile.description}, at {run.host}; the first press is in {profile.ramp_seconds:.0f} s",
            flush=True,
        )
        if isinstance(topology, Topology):
            meter = stack.enter_context(ProcessMeter(topology.processes))
            injector = stack.enter_context(FaultInjector(topology, run.begin, profile.faults))
            run.samples = meter.samples
        if isinstance(topology, LocalChaosTopology | ComposeTopology):
            campaign = Campaign(topology, run.begin, schedule)
            stack.enter_context(campaign.running())
        if profile.flooded:
            stack.enter_context(flood(run, results / f"{profile.name}.answers.json"))
        run.records = run_locust(run, records, processes)
        if isinstance(topology, Topology):
            run.faults += injector.injected
        if isinstance(topology, LocalChaosTopology | ComposeTopology):
            run.faults += campaign.injected
    return run


def schedule_of(profile: Profile, options: argparse.Namespace) -> list[ScheduledFault]:
    """Return the faults to inject, and print them. If the profile has no random faults, the list is empty.

    Raises ValueError if the option --faults names a fault that the schedule does not have.
    """
    if not profile.chaos:
        return []
    kinds = COMPOSE_KINDS if options.topology == "compose" else LOCAL_KINDS
    wanted = only(schedule(options.seed, profile.last_fault_at, kinds), options.faults)
    faults = possible(wanted, kinds)
    print(f"seed {options.seed}; the schedule:", *faults, sep="\n", flush=True)
    if left_out := len(wanted) - len(faults):
        print(f"left out: {left_out} faults that only root can inject, or that need libfaketime", flush=True)
    return faults


def fault_numbers(text: str) -> list[int]:
    """Return the numbers in a text such as "3,7". argparse calls this function for the option --faults."""
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 3,7") from None


def stop_at_sigterm(signum: int, frame: object) -> None:
    """Raise SystemExit, so that the blocks that are open undo all faults and stop all processes."""
    raise SystemExit(f"stopped by signal {signum}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make load", description="Run a load profile and print an exact verdict.")
    parser.add_argument("--profile", choices=PROFILES, default="smoke")
    parser.add_argument("--host", default="", help="URL of a running system (default: start a local topology)")
    parser.add_argument(
        "--seconds", type=float, help="for how many seconds to press (default: as long as the profile says)"
    )
    parser.add_argument(
        "--stores", type=int, help="number of stores, and so of screens (default: as many as the profile says)"
    )
    parser.add_argument(
        "--processes", type=int, help="number of processes of the load generator (default: one per core, or more)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the report")
    parser.add_argument("--seed", type=int, help="seed of the profile `chaos` (default: a new seed)")
    parser.add_argument(
        "--faults", type=fault_numbers, default=[], help="inject only the faults with these numbers, for example 3,7"
    )
    parser.add_argument(
        "--topology",
        choices=("local", "compose"),
        default="local",
        help="what the profile `chaos` starts: processes of this machine, or containers (default: local)",
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, stop_at_sigterm)
    profile = PROFILES[options.profile]
    if not profile.chaos and (options.seed is not None or options.faults):
        parser.error("only the profiles `chaos` and `chaos-short` have a seed and a schedule of faults")
    if options.topology == "compose":
        if not profile.chaos:
            parser.error("only the profiles `chaos` and `chaos-short` start a compose stack")
        if os.geteuid():
            parser.error("only root can disturb a compose stack")
    if options.seed is None:
        options.seed = secrets.randbelow(10_000)
    if options.seconds:
        kills = faults_every(30, until=options.seconds) if profile.faults else ()
        profile = replace(profile, seconds=options.seconds, faults=kills)
    if options.stores is not None:
        if profile.stores == 1 or options.stores < 2:
            parser.error("--stores needs at least 2 stores, and a profile with several stores")
        profile = replace(profile, stores=options.stores)
    if not options.processes:
        options.processes = max(os.cpu_count() or 1, math.ceil(profile.screens / SCREENS_OF_A_PROCESS))
    if (profile.faults or profile.chaos) and options.host:
        parser.error(
            f"the profile `{profile.name}` kills processes, so it runs only with a topology of its own, without --host"
        )
    try:
        faults = schedule_of(profile, options)
    except ValueError as error:
        parser.error(str(error))
    run = run_profile(
        profile,
        options.host,
        options.processes,
        options.results,
        seed=options.seed,
        schedule=faults,
        on_compose=options.topology == "compose",
    )

    account = balance(run.records, HOLD_SECONDS, run.faults)
    objectives = slos.evaluate(run, account)
    verdict = slos.verdict(objectives)
    page = report.write(options.results, run, account, objectives)
    if profile.chaos and verdict != slos.PASSED:
        print(f"\nseed {options.seed}; the schedule:", *faults, sep="\n")
        print(report.fault_lines(run, account))
    print(f"\n{slos.table(objectives)}\n\nverdict: {verdict}\nreport: {page}")
    sys.exit(EXIT_CODES[verdict])


if __name__ == "__main__":
    main()
