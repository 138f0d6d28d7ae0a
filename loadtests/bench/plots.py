"""Draws the plots of the benchmark as SVG files.

They show how each measured value changes with the number of screens, stores or replicas.
"""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtests.bench.samples import MEASURES, Results, Sample, Summary, summarize

AGAINST = ("screens", "stores", "replicas")
COLUMNS = 3
Curve = list[tuple[int, Summary]]
"""The points of one line in a plot, in ascending order of the number.

Each point is a pair: the number of screens, stores or replicas, and the summary of the values measured with this
number."""


def write(folder: Path, samples: Iterable[Sample]) -> None:
    """Write `bench-screens.svg`, `bench-stores.svg` and `bench-replicas.svg`.

    Each file shows the measures that have at least two points. A file without any such measure is not written.
    """
    results = summarize(samples)
    for against in AGAINST:
        panels = {measure: curves(results, measure, against) for measure in MEASURES}
        panels = {measure: systems for measure, systems in panels.items() if systems}
        if panels:
            draw(folder / f"bench-{against}.svg", against, panels)


def curves(results: Results, measure: str, against: str) -> dict[str, Curve]:
    """Return the curves of one measure, one curve for each system. A system with fewer than two points has no curve."""
    found: dict[str, Curve] = {}
    for (name, setting), summary in results.items():
        growing = setting.growing or ("screens" if setting.stores == 1 else "")
        if name == measure and growing == against:
            found.setdefault(setting.system, []).append((getattr(setting, against), summary))
    return {system: sorted(points, key=lambda point: point[0]) for system, points in found.items() if len(points) > 1}


def draw(file: Path, against: str, panels: dict[str, dict[str, Curve]]) -> None:
    """Draw one panel for each measure, with one line for each system, and save the panels as a file."""
    rows = -(-len(panels) // COLUMNS)
    names = dict.fromkeys(system for systems in panels.values() for system in systems)
    colours = {system: f"C{index}" for index, system in enumerate(names)}
    figure = Figure(figsize=(15, 3.6 * rows), layout="constrained")
    for index, (measure, systems) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(rows, COLUMNS, index)
        for system, curve in systems.items():
            draw_curve(axes, curve, system, colours[system])
        axes.set_title(measure)
        axes.set_xlabel(against)
        axes.set_ylabel(MEASURES[measure])
        if measure.startswith("fan-out") and len(systems) > 1:
            # The axis of the fan-out (the time from a press to its number on the screens) is logarithmic, because the
            # slowest system takes a hundred times as long as the fastest.
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(file)


def draw_curve(axes: Axes, curve: Curve, label: str, colour: str) -> None:
    """Draw the medians as a line. The error bars reach from the smallest to the largest value."""
    numbers = [number for number, _ in curve]
    medians = [summary.median for _, summary in curve]
    below = [max(summary.median - summary.low, 0) for _, summary in curve]
    above = [max(summary.high - summary.median, 0) for _, summary in curve]
    axes.errorbar(numbers, medians, yerr=[below, above], marker="o", capsize=3, label=label, color=colour)
