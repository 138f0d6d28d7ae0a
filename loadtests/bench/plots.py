"""The plots of a benchmark: each measure against what grows, as SVG files."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from loadtests.bench.samples import MEASURES, Sample, Setting, Told, tell

AGAINST = ("screens", "stores", "replicas")


def write(folder: Path, samples: Iterable[Sample]) -> None:
    """`bench-<what grows>.svg`, each with all measures that were taken at two points or more."""
    results = tell(samples)
    for against in AGAINST:
        lines = {measure: curves(results, measure, against) for measure in MEASURES}
        drawn = {measure: each for measure, each in lines.items() if each}
        if drawn:
            draw(folder / f"bench-{against}.svg", against, drawn)


def curves(results: dict[tuple[str, Setting], Told], measure: str, against: str) -> dict[str, list[tuple[int, Told]]]:
    """For each system, what was measured while this became more."""
    found: dict[str, list[tuple[int, Told]]] = {}
    for (name, setting), told in results.items():
        grown = setting.growing or ("screens" if setting.stores == 1 else "")
        if name == measure and grown == against:
            found.setdefault(setting.system, []).append((getattr(setting, against), told))
    return {system: sorted(points, key=lambda point: point[0]) for system, points in found.items() if len(points) > 1}


def draw(file: Path, against: str, lines: dict[str, dict[str, list[tuple[int, Told]]]]) -> None:
    rows = -(-len(lines) // 3)
    colours = {
        system: f"C{place}" for place, system in enumerate(dict.fromkeys(s for each in lines.values() for s in each))
    }
    figure = Figure(figsize=(15, 3.6 * rows), layout="constrained")
    for place, (measure, systems) in enumerate(lines.items(), start=1):
        axes = figure.add_subplot(rows, 3, place)
        for system, points in systems.items():
            grown = [each for each, _ in points]
            medians = [told.median for _, told in points]
            spread = [
                [max(told.median - told.low, 0) for _, told in points],
                [max(told.high - told.median, 0) for _, told in points],
            ]
            axes.errorbar(grown, medians, yerr=spread, marker="o", capsize=3, label=system, color=colours[system])
        axes.set_title(measure)
        axes.set_xlabel(against)
        axes.set_ylabel(MEASURES[measure])
        if measure.startswith("fan-out") and len(systems) > 1:
            axes.set_yscale("log")  # the slowest is a hundred times the fastest
        else:
            axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(file)
