"""One run of a search for the capacity, and the process that was the bottleneck."""

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from cashier_local.topology import CannotStart
from loadtests.load import judge, processes_for, run_profile
from loadtests.measure.records import ResourceSample
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
    verdict = slos.verdict(objectives)
    if verdict == slos.VOID:
        return Trial(
            size, verdict, broken, f"the load generator was too slow, so the system is not judged: {usage(run)}"
        )
    return Trial(size, verdict, broken, bottleneck(run))


def bottleneck(run: Run) -> str:
    """Return in words which process was busy while buttons were pressed.

    A process of Python uses at most one core. So if one process uses nearly a whole core, it is the bottleneck, even if
    other cores are idle. If nothing was busy on average, a process that was busy for a second may still be the
    bottleneck, because the limits apply to the slowest percent.
    """
    during = samples_during(run)
    if not during:
        return "no process was measured"
    average = {name: fmean(each[3] for each in samples) for name, samples in during.items()}
    peak = {name: max(each[3] for each in samples) for name, samples in during.items()}
    full, at_peak = max(average, key=lambda name: average[name]), max(peak, key=lambda name: peak[name])
    if average[full] >= BUSY_PERCENT:
        return f"a process of {full} used {average[full]:.0f} % of a core: {usage(run)}"
    if machine_percent(during) >= BUSY_PERCENT:
        return f"all cores were busy: {usage(run)}"
    if peak[at_peak] >= BUSY_PERCENT:
        seconds = sum(each[3] >= BUSY_PERCENT for each in during[at_peak])
        return f"a process of {at_peak} was busy for {seconds} s, but not on average: {usage(run)}"
    return f"nothing was busy: {usage(run)}"


def samples_during(run: Run) -> dict[str, list[ResourceSample]]:
    """Return the samples of each process from the time in which buttons were pressed."""
    during = {
        name: [each for each in samples if run.begin <= each[0] < run.end] for name, samples in run.samples.items()
    }
    return {name: samples for name, samples in during.items() if samples}


def machine_percent(during: dict[str, list[ResourceSample]]) -> float:
    """Return how much of all cores the measured processes have used together."""
    return sum(fmean(each[1] for each in samples) for samples in during.values()) / (os.cpu_count() or 1)


def usage(run: Run) -> str:
    """Return in words which share of the cores was used, and by which services."""
    during = samples_during(run)
    used = {name: fmean(each[1] for each in samples) for name, samples in during.items()}
    largest = sorted(used, key=lambda name: -used[name])[:NAMED]
    shares = ", ".join(f"{name} {used[name]:.0f} %" for name in largest)
    return f"{machine_percent(during):.0f} % of all cores; {shares} of a core"
