"""`make load` on a real topology: a run in which all is right, and one in which a saboteur is between."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from loadtests.verdict.slos import Promise, verdict
from tests.support.faulty_proxy import KINDS, sabotage

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
UNDISTURBED, VOID = {0, 3}, 3
"""Exit codes: a machine that is busy with other tests may be too slow to tell, and says so."""


Run = tuple[int, dict, str]


async def load(tmp_path: Path, url: str) -> Run:
    """Exit code, figures and page of the shortest run that shows something: two presses, 50 screens."""
    arguments = ["--profile", "smoke", "--seconds", "4", "--processes", "1", "--host", url, "--results", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtests.load", *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'deploy/local'}:{ROOT}"},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert (tmp_path / "smoke.json").exists(), told.decode()
    figures = json.loads((tmp_path / "smoke.json").read_text())
    assert figures["verdict"] in told.decode()
    return process.returncode or 0, figures, (tmp_path / "smoke.html").read_text()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def runs(shared_topology, own_topology, tmp_path_factory) -> tuple[Run, Run]:
    """One in which all is right, and on another topology one with a saboteur; at once, for most of both is waiting."""
    async with sabotage(own_topology.port) as port:
        return await asyncio.gather(
            load(tmp_path_factory.mktemp("right"), shared_topology.url),
            load(tmp_path_factory.mktemp("sabotaged"), f"http://127.0.0.1:{port}"),
        )


async def test_a_run_in_which_all_is_right_owes_nothing_and_writes_its_report(runs) -> None:
    code, figures, page = runs[0]

    assert code in UNDISTURBED
    assert figures["owed"] == 2 * 50
    assert set(figures["faults"].values()) == {0}
    assert figures["press_to_shown"]["all"]["count"] == figures["reset_lateness"]["all"]["count"] == 100
    assert figures["connect_to_first_paint"]["all"]["p50"] > 0
    assert page.count("<svg") == 3
    assert "src=" not in page, "it needs nothing beside itself"
    assert "<link" not in page


async def test_every_kind_of_sabotage_is_caught_and_named(runs) -> None:
    code, figures, _page = runs[1]

    assert code in {1, VOID}
    assert {kind: count > 0 for kind, count in figures["faults"].items()} == dict.fromkeys(KINDS, True)
    assert figures["faulty_screens"] == len(KINDS)


@pytest.mark.parametrize(
    ("kept", "told"),
    [([True, True], "kept"), ([True, False], "broken"), ([None, True], "void"), ([None, False], "void")],
)
def test_a_generator_that_lagged_makes_a_run_void(kept, told) -> None:
    assert verdict([Promise("", "", "", each) for each in kept]) == told
