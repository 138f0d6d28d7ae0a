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
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cashier_local.topology import Topology
from loadtests import history
from loadtests.browsers.program import Browsers
from loadtests.chaos.campaign import Campaign, possible
from loadtests.chaos.compose_topology import ComposeTopology
from loadtests.chaos.kinds import COMPOSE_KINDS, LOCAL_KINDS
from loadtests.chaos.local_topology import LocalChaosTopology
from loadtests.chaos.schedule import ScheduledFault, only, schedule
from loadtests.fault_injector import FaultInjector
from loadtests.generators.locust import MASTER_PORT, Locust
from loadtests.history import RESULTS
from loadtests.measure.process_meter import ProcessMeter
from loadtests.measure.records import Records
from loadtests.options import positive, stop_at_sigterm
from loadtests.profiles import HOLD_SECONDS, PROFILES, Profile, faults_every
from loadtests.proof_reader import read_proofs
from loadtests.topologies import compose_topology, local_topology
from loadtests.verdict import report, slos
from loadtests.verdict.ledger import Account, balance
from loadtests.verdict.proofs import ProvenCall, compare
from loadtests.verdict.run import Run

SCREENS_OF_A_PROCESS = 10_000
"""The largest number of screens of one process of the load generator. Some hosts allow a process 20,000 open files."""
MOST_PRINTED = 20
"""The largest number of differences between proofs and records that are printed."""
EXIT_CODES = {slos.PASSED: 0, slos.FAILED: 1, slos.VOID: 3}


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
    results: Path,
    *,
    processes: int,
    workers: int = 0,
    port: int = MASTER_PORT,
    browsers: int = 0,
    seed: int = 0,
    schedule: list[ScheduledFault],
    on_compose: bool = False,
) -> Run:
    """Run a profile, and return the run without a verdict.

    host: the URL of a running system. If it is empty, a local topology is started.
    processes, workers, port: as in `Locust`. browsers: how many real browsers show screens in addition.
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
        proofs: list[ProvenCall] | None = None
        if on_compose:
            topology = stack.enter_context(compose_topology(Path(folder) / "var", profile, log))
        elif not host:
            topology = stack.enter_context(local_topology(Path(folder) / "var", profile, log))
        url = topology.url if topology else host
        slugs = profile.slugs()
        stores = [slugs[number * len(slugs) // browsers] for number in range(browsers)]
        shown = stack.enter_context(Browsers(url, stores, Path(folder))) if stores else None
        locust = stack.enter_context(Locust(profile, url, records, processes=processes, workers=workers, port=port))
        run = Run(
            profile, url, locust.begin(), seed=seed, schedule=[str(fault) for fault in schedule], browsers=browsers
        )
        print(
            f"{profile.name}: {profile.description}, at {url}; the first press is in "
            f"{run.begin - time.monotonic():.0f} s",
            flush=True,
        )
        if isinstance(topology, Topology):
            meter = stack.enter_context(ProcessMeter({**topology.processes, "load generator": locust}))
            injector = stack.enter_context(FaultInjector(topology, run.begin, profile.faults))
            run.samples = meter.samples
        if isinstance(topology, LocalChaosTopology | ComposeTopology):
            campaign = Campaign(topology, run.begin, schedule)
            stack.enter_context(campaign.running())
        if profile.flooded:
            stack.enter_context(flood(run, results / f"{profile.name}.answers.json"))
        files = locust.finish()
        run.records = Records.read([*files, shown.finish()] if shown else files)
        if isinstance(topology, Topology) and profile.proven:
            proofs = read_proofs(topology)
        if isinstance(topology, Topology):
            run.faults += injector.injected
        if isinstance(topology, LocalChaosTopology | ComposeTopology):
            run.faults += campaign.injected
        if proofs is not None:
            run.proofs = compare(run.records.connections, proofs, run.faults)
    return run


def judge(run: Run) -> tuple[Account, list[slos.Objective]]:
    """Return the result of the ledger, and the objectives of a run."""
    account = balance(run.records, HOLD_SECONDS, run.faults)
    return account, slos.evaluate(run, account)


def processes_for(profile: Profile) -> int:
    """Return how many processes the load generator needs on this machine: one per core, or more for many screens."""
    return max(os.cpu_count() or 1, math.ceil(profile.screens / SCREENS_OF_A_PROCESS))


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


def parse_options() -> tuple[argparse.Namespace, Profile, list[ScheduledFault]]:
    """Return the options of the command line, the profile, and the faults to inject.

    If the options are wrong, print an error and exit.
    """
    parser = argparse.ArgumentParser(prog="make load", description="Run a load profile and print an exact verdict.")
    parser.add_argument("--profile", choices=PROFILES, default="smoke")
    parser.add_argument("--host", default="", help="URL of a running system (default: start a local topology)")
    parser.add_argument(
        "--seconds", type=float, help="for how many seconds to press (default: as long as the profile says)"
    )
    parser.add_argument(
        "--stores", type=positive, help="number of stores, and so of screens (default: as many as the profile says)"
    )
    parser.add_argument(
        "--processes", type=positive, help="number of processes of the load generator (default: one per core, or more)"
    )
    parser.add_argument(
        "--workers",
        type=positive,
        default=0,
        help="wait for this many worker processes of other machines (make worker)",
    )
    parser.add_argument("--browsers", type=positive, default=0, help="how many real browsers show screens in addition")
    parser.add_argument("--port", type=int, default=MASTER_PORT, help="the port at which the workers find this machine")
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
    profile = replace(profile, proven=profile.proven and not options.browsers)  # The browsers are not paired.
    if options.stores is not None:
        if profile.stores == 1 or options.stores < 2:
            parser.error("--stores needs at least 2 stores, and a profile with several stores")
        profile = replace(profile, stores=options.stores)
    if not options.processes:
        options.processes = processes_for(profile)
    if options.workers and not options.host:
        parser.error("--workers needs --host, a URL at which the other machines reach the system")
    if (profile.faults or profile.chaos) and options.host:
        parser.error(
            f"the profile `{profile.name}` kills processes, so it runs only with a topology of its own, without --host"
        )
    try:
        return options, profile, schedule_of(profile, options)
    except ValueError as error:
        parser.error(str(error))


def main() -> None:
    stop_at_sigterm()
    options, profile, faults = parse_options()
    revision = history.revision()
    run = run_profile(
        profile,
        options.host,
        options.results,
        processes=options.processes,
        workers=options.workers,
        port=options.port,
        browsers=options.browsers,
        seed=options.seed,
        schedule=faults,
        on_compose=options.topology == "compose",
    )

    account, objectives = judge(run)
    verdict = slos.verdict(objectives)
    values = report.figures(run, account, objectives)
    page = report.write(options.results, run, account, objectives, values)
    if profile.chaos and verdict != slos.PASSED:
        print(f"\nseed {options.seed}; the schedule:", *faults, sep="\n")
        print(report.fault_lines(run, account))
    if run.proofs:
        print("", *run.proofs.differences[:MOST_PRINTED], sep="\n")
    tables = (slos.objective_rows(objectives), report.generator_rows(values))
    print("", *map(report.text_table, tables), f"verdict: {verdict}\nreport: {page}", sep="\n\n")
    # The results of a void run say nothing about the system. The revision of another system is not known.
    if verdict != slos.VOID and not options.host:
        history.add(options.results, f"load, {profile.name}, {run.load}", report.history_values(values), revision)
    sys.exit(EXIT_CODES[verdict])


if __name__ == "__main__":
    main()
