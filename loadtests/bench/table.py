"""The table: what was measured, as Markdown and as JSON."""

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from statistics import StatisticsError
from typing import Any

from loadtests.bench.samples import MEASURES, Sample, Setting, Told, slope, tell
from loadtests.bench.targets import Results, judge


def write(folder: Path, samples: list[Sample], left_out: dict[str, str], rounds: int) -> str:
    """`bench.md` and `bench.json`. Returns the Markdown."""
    results = tell(samples)
    text = markdown(results, left_out, rounds)
    (folder / "bench.md").write_text(text)
    (folder / "bench.json").write_text(json.dumps(figures(results, left_out, rounds), indent=1) + "\n")
    return text


def machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"


def figures(results: Results, left_out: dict[str, str], rounds: int) -> dict[str, Any]:
    """Everything, for a program."""
    return {
        "machine": machine(),
        "rounds": rounds,
        "left_out": left_out,
        "targets": [
            {"what": each.what, "promised": each.promised, "measured": each.measured, "met": each.met}
            for each in judge(results)
        ],
        "results": [
            {"measure": measure, "unit": MEASURES[measure], **fields(setting), **fields(told)}
            for (measure, setting), told in results.items()
        ],
        "growth": [
            {"measure": measure, "system": system, "against": against, "slope": one, "intercept": none}
            for measure, system, against, one, none in growth(results)
        ],
    }


def fields(record: Setting | Told) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def growth(results: Results) -> Iterable[tuple[str, str, str, float, float]]:
    """Measure, system, what grows, what one more of it adds, and what there is without any."""
    lines: dict[tuple[str, str, str], dict[float, float]] = {}
    for (measure, setting), told in results.items():
        for against in ("screens", "stores", "replicas"):
            others = tuple(getattr(setting, each) for each in ("stores", "screens", "replicas") if each != against)
            key = (measure, setting.system, f"{against} {others}")
            lines.setdefault(key, {})[getattr(setting, against)] = told.median
    for (measure, system, against), points in lines.items():
        try:
            one, none = slope(sorted(points.items()))
        except StatisticsError:
            continue
        if len(points) >= 3:
            yield measure, system, against.split()[0], one, none


def number(value: float) -> str:
    """Three digits that tell something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(told: Told | None) -> str:
    """Median, and from the smallest to the largest."""
    if not told:
        return ""
    spread = f" ({number(told.low)} to {number(told.high)})" if told.count > 1 else ""
    return number(told.median) + spread


def rows(cells: list[list[str]]) -> str:
    head, *body = cells
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown(results: Results, left_out: dict[str, str], rounds: int) -> str:
    """Targets, the measures side by side, and how they grow."""
    systems = list(dict.fromkeys(setting.system for _, setting in results))
    settings = sorted({(s.replicas, s.stores, s.screens) for _, s in results})
    body = [["measure", "stores", "screens", "replicas", *systems]]
    for measure, unit in MEASURES.items():
        for replicas, stores, screens in settings:
            told = [results.get((measure, Setting(each, stores, screens, replicas))) for each in systems]
            if any(told):
                place = [f"{stores:,}", f"{screens:,}", str(replicas)]
                body.append([f"{measure} ({unit})", *place, *(cell(each) for each in told)])
    targets = [["target", "", "measured", ""]]
    for each in judge(results):
        measured = "not measured" if each.measured is None else number(each.measured)
        targets.append([each.what, each.promised, measured, "met" if each.met else "not met"])
    slopes = [["measure", "system", "against", "one more adds", "without any"]]
    for measure, system, against, one, none in growth(results):
        if "busy" not in measure:
            unit = MEASURES[measure]
            slopes.append([measure, system, against, f"{one:.3g} {unit}", f"{none:.3g} {unit}"])
    parts = [
        f"# Benchmark\n\n{machine()}; {rounds} rounds; median (smallest to largest).",
        *(f"Left out: {name}, which is not installed; {how}." for name, how in left_out.items()),
        "## Targets\n\n" + rows(targets),
        "## Measures\n\n" + rows(body),
        "## Growth\n\n" + rows(slopes),
    ]
    return "\n\n".join(parts) + "\n"
