"""`make load` with a real topology: a run without faults, and a run behind a proxy that damages repaints."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from loadtests.profiles import faults_every
from loadtests.verdict.slos import FAILED, PASSED, VOID, Objective, verdict
from tests.support.faulty_proxy import DAMAGES, faulty_proxy

# These tests run alone (marker `serial`), because the first press is due at a fixed time after the start. All 50
# screens must be connected by then, which takes longer while other tests run.
pytestmark = [pytest.mark.anyio, pytest.mark.serial]
ROOT = Path(__file__).parents[2]
EXIT_PASSED, EXIT_FAILED, EXIT_VOID = 0, 1, 3
"""The exit codes of `make load`, one for each verdict.

The verdict is void if the load generator was too slow, for example on a machine that is busy with other work."""

LoadResult = tuple[int, dict, str]
"""The exit code, the figures and the HTML page of a run."""


async def load(tmp_path: Path, url: str) -> LoadResult:
    """Run the smallest load that tests anything: 50 screens and two presses."""
    arguments = ["--profile", "smoke", "--seconds", "4", "--processes", "1", "--host", url, "--results", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtests.load", *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'deploy/local'}:{ROOT}"},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert (tmp_path / "smoke.json").exists(), output.decode()
    figures = json.loads((tmp_path / "smoke.json").read_text())
    assert f"verdict: {figures['verdict']}" in output.decode()
    return process.returncode or 0, figures, (tmp_path / "smoke.html").read_text()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def runs(shared_topology, own_topology, tmp_path_factory) -> tuple[LoadResult, LoadResult]:
    """Return the results of a run without faults, and of a run behind the faulty proxy.

    The two runs are made at the same time, because each of them waits most of the time.
    """
    async with faulty_proxy(own_topology.port) as port:
        return await asyncio.gather(
            load(tmp_path_factory.mktemp("without-faults"), shared_topology.url),
            load(tmp_path_factory.mktemp("faulty"), f"http://127.0.0.1:{port}"),
        )


async def test_a_run_without_faults_delivers_everything_that_is_owed_and_writes_a_report(runs) -> None:
    code, figures, page = runs[0]

    assert code in {EXIT_PASSED, EXIT_VOID}
    assert figures["owed"] == 2 * 50
    assert set(figures["faults"].values()) == {0}
    assert figures["press_to_shown"]["all"]["count"] == figures["reset_lateness"]["all"]["count"] == 100
    assert figures["connect_to_first_paint"]["all"]["p50"] > 0
    assert page.count("<svg") == 3
    assert "src=" not in page, "the page must not need other files"
    assert "<link" not in page


async def test_the_ledger_finds_and_names_every_kind_of_damage(runs) -> None:
    code, figures, _page = runs[1]

    assert code in {EXIT_FAILED, EXIT_VOID}
    assert {kind: count > 0 for kind, count in figures["faults"].items()} == dict.fromkeys(DAMAGES, True)
    assert figures["faulty_screens"] == len(DAMAGES)


@pytest.mark.parametrize(
    ("met", "expected"),
    [([True, True], PASSED), ([True, False], FAILED), ([None, True], VOID), ([None, False], VOID)],
)
def test_a_run_is_void_if_the_generator_cannot_tell_whether_an_objective_was_met(met, expected) -> None:
    assert verdict([Objective("", "", "", each) for each in met]) == expected


def test_faults_hit_each_target_in_turn_until_the_end_of_the_presses() -> None:
    assert faults_every(30, until=120) == ((15, "ws"), (45, "web"), (75, "redis"), (105, "ws"))
