"""One run of a search for the capacity, and the process that was the bottleneck."""

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from cashier_local.topology import CannotStart
from loadtests.load import judge, processes_for, run_profile
from loadtests.options import STOPPED
from loadtests.profiles import Profile
from loadtests.verdict import slos
from loadtests.verdict.run import Run

BUSY_PERCENT = 85.0
"""A process, or the whole machine, counts as busy if it uses this percentage of its CPU time or more."""
NAMED = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a run.

    broken: the names of the objectives that were not met, or for which the load generator was too slow.
    bottleneck: which process was busy, in words.
    """

    size: int
    verdict: str
    broken: list[str]
    bottleneck: str

    @property
    def passed(self) -> bool:
        return self.verdict == slos.PASSED

    def __str__(self) -> str:
        return f"{self.size}: {self.verdict}. {self.bottleneck}. {'; '.join(self.broken)}".strip()


def try_size(size: int, profile: Profile, results: Path) -> Trial:
    """Run a profile on a new local topology, and return the result. size: the size to which the profile belongs."""
    try:
        run = run_profile(profile, "", results, processes=processes_for(profile), schedule=[])
    except (CannotStart, OSError, SystemExit) as error:
        if str(error).startswith(STOPPED):
            raise
        # With too large a load, a run may not even finish.
        return Trial(size, slos.FAILED, [str(error)], "the run did not finish")
    _, objectives = judge(run)
    broken = [f"{each.what}: {each.measured} (limit {each.limit})" for each in objectives if not each.met]
    return Trial(size, slos.verdict(objectives), broken, bottleneck(run))


def bottleneck(run: Run) -> str:
    """Return in words which process was busy while buttons were pressed.

    A process of Python uses at most one core. So if one process uses nearly a whole core, it is the bottleneck, even if
    other cores are idle.
    """
    used, busiest = {}, {}
    for name, samples in run.samples.items():
        during = [each for each in samples if run.begin <= each[0] < run.end]
        if during:
            used[name], busiest[name] = fmean(each[1] for each in during), fmean(each[3] for each in during)
    if not used:
        return "no process was measured"
    machine = sum(used.values()) / (os.cpu_count() or 1)
    largest = sorted(used, key=lambda name: -used[name])[:NAMED]
    shares = ", ".join(f"{name} {used[name]:.0f} %" for name in largest)
    full = max(busiest, key=lambda name: busiest[name])
    if busiest[full] >= BUSY_PERCENT:
        return f"a process of {full} used {busiest[full]:.0f} % of a core ({shares} of a core in all)"
    if machine >= BUSY_PERCENT:
        return f"all cores were busy ({machine:.0f} %): {shares} of a core"
    return f"nothing was busy (cores {machine:.0f} %): {shares} of a core"
