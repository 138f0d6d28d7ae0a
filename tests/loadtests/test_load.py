"""`make load` with a real topology: without faults, behind a damaging proxy, with chaos, and from two machines."""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from cashier_local.ports import free_port
from loadtests.chaos.kinds import LOCAL_KINDS
from loadtests.chaos.schedule import schedule
from loadtests.profiles import faults_every
from loadtests.verdict.slos import FAILED, PASSED, VOID, Objective, verdict
from tests.support import namespaces
from tests.support.faulty_proxy import DAMAGES, faulty_proxy

# These tests run alone (marker `serial`), because the first press is due at a fixed time after the start. All 50
# screens must be connected by then, which takes longer while other tests run.
pytestmark = [pytest.mark.anyio, pytest.mark.serial]
ROOT = Path(__file__).parents[2]
EXIT_PASSED, EXIT_FAILED, EXIT_VOID = 0, 1, 3
"""The exit codes of `make load`, one for each verdict.

The verdict is void if the load generator was too slow, for example on a machine that is busy with other work."""

CHAOS_SEED = 2084
"""With this seed, Redis is killed while a replica stands still."""
CLOCK_AHEAD_SECONDS = 5000
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'deploy/local'}:{ROOT}"}


@dataclass(frozen=True, slots=True)
class Result:
    """The exit code, the output, the figures and the HTML page of a run."""

    code: int
    output: str
    figures: dict
    page: str


async def run_load(*options: str) -> tuple[int, str]:
    """Run the program behind `make load`. Return its exit code and its output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtests.load", *options),
        env=ENVIRONMENT,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode is not None
    return process.returncode, output


async def load(results: Path, profile: str, seconds: int, *options: str) -> Result:
    """Run a profile with one process of the load generator, and read its results."""
    own = ("--profile", profile, "--seconds", str(seconds), "--processes", "1", "--results", str(results))
    code, output = await run_load(*own, *options)
    assert (results / f"{profile}.json").exists(), output
    figures = json.loads((results / f"{profile}.json").read_text())
    assert f"verdict: {figures['verdict']}" in output
    return Result(code, output, figures, (results / f"{profile}.html").read_text())


async def load_from_two_machines(port_of_system: int, results: Path) -> Result:
    """Run the smallest load from two network namespaces. The clock of the second one is ahead of this machine's clock.

    port_of_system: the port at the loopback address, at which the system answers.
    """
    port = str(free_port())
    worker = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--worker", "--master-port", port]
    clock = ["unshare", "--time", "--monotonic", str(CLOCK_AHEAD_SECONDS)]
    async with AsyncExitStack() as stack:
        names = stack.enter_context(namespaces.namespaces())
        system = await stack.enter_async_context(namespaces.forwarded(port_of_system))
        workers = []
        for name, prefix in zip(names, ([], clock), strict=True):
            argv = ["ip", "netns", "exec", name, *prefix, *worker, "--master-host", namespaces.HERE]
            process = await asyncio.create_subprocess_exec(
                *argv, env=ENVIRONMENT, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
            )
            stack.callback(kill_if_running, process)
            workers.append(process)
        host = f"http://{namespaces.HERE}:{system}"
        result = await load(results, "smoke", 8, "--workers", "2", "--port", port, "--host", host)
        assert [await each.wait() for each in workers] == [0, 0]
    return result


def kill_if_running(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def runs(shared_topology, own_topology, run_topology, tmp_path_factory) -> list[Result | None]:
    """Return the results of four runs: without faults, behind the faulty proxy, with chaos, and from two machines.

    The last result is None if this user cannot create network namespaces.

    The runs are made at the same time, because each of them waits most of the time. The first two are the smallest load
    that tests anything: 50 screens and two presses. In the first run, a real browser shows one more screen.
    """
    folder = tmp_path_factory.mktemp("results")

    async def load_behind_the_proxy() -> Result:
        async with faulty_proxy(own_topology.port) as port:
            return await load(folder / "faulty", "smoke", 4, "--host", f"http://127.0.0.1:{port}")

    with run_topology(tmp_path_factory.mktemp("topology"), CASHIER_HOSTS=f"127.0.0.1,{namespaces.HERE}") as two:
        return await asyncio.gather(
            load(folder / "without-faults", "smoke", 4, "--browsers", "1", "--host", shared_topology.url),
            load_behind_the_proxy(),
            load(folder / "chaos", "chaos-short", 30, "--seed", str(CHAOS_SEED)),
            load_from_two_machines(two.port, folder / "two") if namespaces.POSSIBLE else asyncio.sleep(0),
        )


async def test_a_run_without_faults_delivers_everything_that_is_owed_and_writes_a_report(runs) -> None:
    run = runs[0]

    assert run.code in {EXIT_PASSED, EXIT_VOID}
    assert run.figures["owed"] == 2 * (50 + 1)
    assert set(run.figures["faults"].values()) == {0}
    assert run.figures["press_to_shown"]["all"]["count"] == run.figures["reset_lateness"]["all"]["count"] == 100
    assert run.figures["connect_to_first_paint"]["all"]["p50"] > 0
    assert run.figures["press_to_painted"]["all"]["count"] == run.figures["removal_lateness"]["all"]["count"] == 2
    assert run.page.count("<svg") == 3
    assert "src=" not in run.page, "the page must not need other files"
    assert "<link" not in run.page


async def test_the_ledger_finds_and_names_every_kind_of_damage(runs) -> None:
    run = runs[1]

    assert run.code in {EXIT_FAILED, EXIT_VOID}
    found = {kind for kind, count in run.figures["faults"].items() if count}
    assert found == set(DAMAGES)
    assert run.figures["faulty_screens"] == len(DAMAGES)


async def test_a_short_run_of_the_profile_chaos_injects_its_faults_and_prints_its_schedule(runs) -> None:
    run = runs[2]
    faults = [str(fault) for fault in schedule(CHAOS_SEED, 10, LOCAL_KINDS)]

    assert run.code in {EXIT_PASSED, EXIT_VOID}, run.output
    assert f"seed {CHAOS_SEED}; the schedule:" in run.output
    assert run.figures["schedule"] == faults
    assert all(line in run.output for line in faults)
    assert set(run.figures["faults"].values()) == {0}, run.output
    assert run.figures["owed"] > 0
    assert "Injected faults (seed" in run.page


@pytest.mark.skipif(not namespaces.POSSIBLE, reason="only root with the program `ip` can create namespaces")
async def test_two_machines_make_one_account_and_one_verdict(runs) -> None:
    run = runs[3]

    assert run.code in {EXIT_PASSED, EXIT_VOID}, run.output
    assert run.figures["presses"] == 4
    assert run.figures["owed"] == 4 * 50, "each call is owed to the screens of both machines"
    assert set(run.figures["faults"].values()) == {0}
    generators = sorted(run.figures["generators"], key=lambda each: (each["clock_ahead"] > 1000, each["screens"]))
    assert [each["screens"] for each in generators] == [0, 25, 25]
    assert [each["presses"] for each in generators] == [4, 0, 0]
    assert abs(generators[1]["clock_ahead"]) < 10
    assert abs(generators[2]["clock_ahead"] - CLOCK_AHEAD_SECONDS * 1000) < 10
    assert all(each["name"] in run.output for each in generators)


async def test_a_run_ends_early_if_the_buttons_cannot_be_opened(tmp_path) -> None:
    async with asyncio.timeout(60):
        nowhere = f"http://127.0.0.1:{free_port()}"
        code, output = await run_load("--seconds", "300", "--results", str(tmp_path), "--host", nowhere)

    assert code == EXIT_FAILED
    assert "cannot open the buttons" in output
    assert "verdict" not in output
    assert "Locust ended with exit code 1" in output


@pytest.mark.parametrize(
    ("met", "expected"),
    [([True, True], PASSED), ([True, False], FAILED), ([None, True], VOID), ([None, False], VOID)],
)
def test_a_run_is_void_if_the_generator_cannot_tell_whether_an_objective_was_met(met, expected) -> None:
    assert verdict([Objective("", "", "", each) for each in met]) == expected


def test_faults_hit_each_target_in_turn_until_the_end_of_the_presses() -> None:
    assert faults_every(30, until=120) == ((15, "ws"), (45, "press"), (75, "redis"), (105, "ws"))
