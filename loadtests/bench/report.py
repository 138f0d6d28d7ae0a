"""The table: what was measured, as Markdown and as JSON."""

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadtests.bench.samples import MEASURES, Sample, Setting, Told, slope, tell
from loadtests.bench.targets import Results, judge

CLIENT_BOUND_PERCENT = 80


def write(folder: Path, samples: list[Sample], failures: list[str], rounds: int) -> str:
    """`bench.md` and `bench.json`. Returns the Markdown."""
    results = tell(samples)
    text = markdown(results, failures, rounds)
    (folder / "bench.md").write_text(text)
    (folder / "bench.json").write_text(json.dumps(figures(results, failures, rounds), indent=1) + "\n")
    return text


def machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"


def figures(results: Results, failures: list[str], rounds: int) -> dict[str, Any]:
    """Everything, for a program."""
    return {
        "machine": machine(),
        "rounds": rounds,
        "failures": failures,
        "targets": [
            {"what": each.what, "promised": each.promised, "measured": each.measured, "met": each.met}
            for each in judge(results, rounds)
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
    lines: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for (measure, setting), told in results.items():
        against = setting.growing or "screens"
        # With more stores there are fewer screens in the one that is pressed in.
        of_fewer_screens = against == "stores" and (measure.startswith("fan-out") or "repaints" in measure)
        compared_by_screens = not setting.growing and setting.stores == 1
        if (setting.growing or compared_by_screens) and not of_fewer_screens and "busy" not in measure:
            lines.setdefault((measure, setting.system, against), []).append((getattr(setting, against), told.median))
    for (measure, system, against), points in lines.items():
        if len({x for x, _ in points}) > 2:
            yield measure, system, against, *slope(points)


def number(value: float) -> str:
    """Three digits that tell something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(told: Told | None, busy: Told | None) -> str:
    """Median, and from the smallest to the largest; marked where the client was what limited it."""
    if not told:
        return ""
    spread = f" ({number(told.low)} to {number(told.high)})" if told.count > 1 else ""
    return number(told.median) + spread + (" *" if busy and busy.median >= CLIENT_BOUND_PERCENT else "")


def busy_in(measure: str) -> str:
    """The measure of how busy the client was while this one was taken."""
    return f"client busy, {measure.split(maxsplit=1)[0]}"


def rows(cells: list[list[str]]) -> str:
    head, *body = cells
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown(results: Results, failures: list[str], rounds: int) -> str:
    """Targets, the measures side by side, and how they grow."""
    systems = list(dict.fromkeys(setting.system for _, setting in results))
    places = sorted({(s.growing, s.stores, s.screens) for _, s in results})
    body = [["measure", "stores", "screens", *systems]]
    for measure, unit in MEASURES.items():
        for growing, stores, screens in places:
            if growing:
                continue
            row = []
            for system in systems:
                found = [s for m, s in results if m == measure and s.system == system]
                here = [s for s in found if (s.growing, s.stores, s.screens) == ("", stores, screens)]
                told = results[measure, here[0]] if here else None
                row.append(cell(told, results.get((busy_in(measure), here[0])) if here else None))
            if any(row):
                body.append([f"{measure} ({unit})" if unit else measure, f"{stores:,}", f"{screens:,}", *row])
    targets = [["target", "", "measured", ""]]
    for each in judge(results, rounds):
        measured = "not measured" if each.measured is None else number(each.measured)
        verdict = "met" if each.met else "not met"
        targets.append([each.what, each.promised, measured, "" if each.measured is None else verdict])
    slopes = [["measure", "system", "against", "one more adds", "without any"]]
    for measure, system, against, one, none in growth(results):
        unit = MEASURES[measure]
        slopes.append([measure, system, against, f"{one:.3g} {unit}", f"{none:.3g} {unit}"])
    parts = [
        f"# Benchmark\n\n{machine()}; {rounds} rounds; median (smallest to largest).",
        *(["What could not be measured:\n\n" + "\n".join(f"- {each}" for each in failures)] if failures else []),
        "## Targets\n\n" + rows(targets),
        "## Measures\n\n" + rows(body),
        "A * marks what was measured with a client that was busy for 80 % of the time or more: the client's own limit.",
        "## Growth\n\n" + rows(slopes),
    ]
    return "\n\n".join(parts) + "\n"
