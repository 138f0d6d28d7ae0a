"""Keeps the results of load tests, benchmarks and comparisons, and plots them over time.

The file `history.jsonl` has one line of JSON for each result. A result belongs to a machine and a revision. Results of
different machines cannot be compared, so the plot shows only the results of this machine.
"""

import contextlib
import json
import platform
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from matplotlib.figure import Figure

from loadtests.repository import GitError, git

RESULTS = Path(__file__).parent / "results"
"""The folder for results, unless an option names another folder."""
FILE, PLOT = "history.jsonl", "history.svg"
COLUMNS, PANEL_INCHES = 3, (5, 2.6)
CPU_MODEL = "model name"


@dataclass(frozen=True, slots=True)
class Result:
    """One result of one measure.

    command: the command that measured, for example "compare". low, high: the spread of the value, or the value itself.
    """

    at: str
    machine: str
    revision: str
    command: str
    measure: str
    unit: str
    value: float
    low: float
    high: float


def machine() -> str:
    """Return a description of this machine: its name, its processor, the number of cores, and the version of Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith(CPU_MODEL)]
    processor = f"{len(models)} x {models[0]}" if models else platform.machine()
    return f"{platform.node()}, {processor}, Python {platform.python_version()}"


def revision() -> str:
    """Return the short hash of the current commit, followed by "+" if files have changed since then; "" without git."""
    try:
        commit = git("rev-parse", "--short=10", "HEAD")
        return commit + ("+" if git("status", "--porcelain") else "")
    except GitError:
        return ""


def add(folder: Path, command: str, values: dict[str, tuple[str, float, float, float]], of_revision: str) -> None:
    """Store the results of one command, and draw the plot again.

    folder: where the file and the plot are. values: maps each measure to its unit, its value, and its spread (low,
    high). of_revision: the revision that was measured.
    """
    at, where = datetime.now(UTC).isoformat(timespec="seconds"), machine()
    new = [Result(at, where, of_revision, command, measure, *value) for measure, value in values.items()]
    with (folder / FILE).open("a") as file:
        file.writelines(json.dumps(asdict(each)) + "\n" for each in new)
    draw(folder / PLOT, [each for each in read(folder) if each.machine == where])


def read(folder: Path) -> list[Result]:
    """Return all stored results, in the order in which they were stored. Lines that cannot be read are left out."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / FILE).read_text().splitlines():
            # The last line is incomplete if the process that wrote it was killed.
            with contextlib.suppress(ValueError, TypeError):
                found.append(Result(**json.loads(line)))
    return found


def draw(file: Path, results: list[Result]) -> None:
    """Draw one panel for each measure of each command, with the revisions on the horizontal axis."""
    panels: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        panels[result.command, result.measure].append(result)
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(PANEL_INCHES[0] * COLUMNS, PANEL_INCHES[1] * rows), layout="constrained")
    for index, ((command, measure), own) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(rows, COLUMNS, index)
        numbers = range(len(own))
        errors = [[each.value - each.low for each in own], [each.high - each.value for each in own]]
        axes.errorbar(numbers, [each.value for each in own], yerr=errors, marker="o", capsize=3)
        axes.set_title(f"{command}: {measure}", fontsize=8)
        axes.set_ylabel(own[0].unit)
        axes.set_ylim(bottom=0)
        axes.set_xticks(numbers, [f"{each.revision}\n{each.at[:10]}" for each in own], fontsize=6, rotation=45)
        axes.grid(alpha=0.3)
    figure.savefig(file)
