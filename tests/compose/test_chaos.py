"""`make load PROFILE=chaos-short TOPOLOGY=compose` starts its own stack, injects faults, and removes the stack."""

import json
import os
import subprocess
import sys

import pytest

from loadtests.chaos.compose_topology import PROJECT
from loadtests.chaos.kinds import COMPOSE_KINDS
from loadtests.chaos.schedule import schedule
from loadtests.profiles import CALM_END_SECONDS
from tests.support.compose_stack import ROOT, docker

SEED = 5
"""With this seed, the connections of the replicas to Redis are cut, the disk is full, and packets of press are lost."""
SECONDS = 35.0
MAY_BE_VOID = {"passed", "void"}
"""The verdict is void if the machine is too slow for the load generator."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can disturb containers")
def test_a_short_run_of_the_profile_chaos_injects_its_faults_into_containers(tmp_path) -> None:
    options = ["--topology", "compose", "--seed", str(SEED), "--seconds", str(SECONDS), "--results", str(tmp_path)]
    run = subprocess.run(
        [sys.executable, "-m", "loadtests.load", "--profile", "chaos-short", *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'deploy/local'}:{ROOT}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    figures = json.loads((tmp_path / "chaos-short.json").read_text())

    assert figures["verdict"] in MAY_BE_VOID, run.stdout + run.stderr
    faults = [str(fault) for fault in schedule(SEED, SECONDS - CALM_END_SECONDS, COMPOSE_KINDS)]
    assert figures["schedule"] == faults
    assert set(figures["faults"].values()) == {0}, run.stdout
    assert figures["owed"] > 0
    assert not docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}")
    assert not docker("volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}")
