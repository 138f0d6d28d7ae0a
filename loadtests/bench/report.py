"""Writes the report of the benchmark as Markdown and as JSON.

The report contains the targets, the measured values, and how these grow with the number of screens, stores or replicas.
"""

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadtests.bench.samples import MEASURES, Results, Sample, Setting, Summary, slope, summarize
from loadtests.bench.targets import OURS, Target, evaluate

CLIENT_BOUND_PERCENT = 80
"""If the client was busy for at least this part of the time, the report marks a value as limited by the client."""


def write(folder: Path, samples: list[Sample], failures: list[str], rounds: int) -> str:
    """Write the report as `bench.md` and `bench.json`, and return the text of `bench.md`."""
    results = summarize(samples)
    text = markdown(results, failures, rounds)
    (folder / "bench.md").write_text(text)
    (folder / "bench.json").write_text(json.dumps(figures(results, failures, rounds), indent=1) + "\n")
    return text


def machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"


def figures(results: Results, failures: list[str], rounds: int) -> dict[str, Any]:
    """Return everything that was measured, for `bench.json`.

    The keys never change, so that the results of different versions of cashier_q can be compared.
    """
    return {
        "machine": machine(),
        "rounds": rounds,
        "failures": failures,
        "targets": [
            {"what": each.what, "promised": each.limit, "measured": each.measured, "met": each.met}
            for each in evaluate(results, rounds)
        ],
        "results": [
            {"measure": measure, "unit": MEASURES[measure], **fields(setting), **fields(summary)}
            for (measure, setting), summary in results.items()
        ],
        "growth": [
            {"measure": measure, "system": system, "against": against, "slope": added, "intercept": at_zero}
            for measure, system, against, added, at_zero in growth(results)
        ],
    }


def fields(record: Setting | Summary) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def growth(results: Results) -> Iterable[tuple[str, str, str, float, float]]:
    """Yield how each measure of a system grows with the number of screens, stores or replicas.

    Each item is (measure, system, what grows, slope, value at zero). What grows is "screens", "stores" or "replicas".
    The slope says by how much the measure grows for each additional screen, store or replica.
    """
    lines: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for (measure, setting), summary in results.items():
        against = setting.growing or "screens"
        # Fan-out and repaints are measured with presses in one store. The more stores there are, the fewer screens this
        # store has. Therefore these measures cannot be compared between different numbers of stores, and are left out.
        of_fewer_screens = against == "stores" and (measure.startswith("fan-out") or "repaints" in measure)
        compared_by_screens = not setting.growing and setting.stores == 1
        if (setting.growing or compared_by_screens) and not of_fewer_screens and "busy" not in measure:
            points = lines.setdefault((measure, setting.system, against), [])
            points.append((getattr(setting, against), summary.median))
    for (measure, system, against), points in lines.items():
        if len({x for x, _ in points}) > 2:
            yield measure, system, against, *slope(points)


def format_number(value: float) -> str:
    """Return a value as text with three significant digits.

    A value of 100 or more keeps all its digits, and has no decimals.
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def format_cell(summary: Summary | None, busy: Summary | None) -> str:
    """Return the text of a table cell: the median, and the smallest and the largest value.

    The cell is marked with * if the client was the limit. busy: how busy the client was, in percent; None if this was
    not measured.
    """
    if not summary:
        return ""
    spread = f" ({format_number(summary.low)} to {format_number(summary.high)})" if summary.count > 1 else ""
    limited_by_client = busy and busy.median >= CLIENT_BOUND_PERCENT
    return format_number(summary.median) + spread + (" *" if limited_by_client else "")


def busy_measure_of(measure: str) -> str:
    """Return the name of the measure that says how busy the client was during another measure.

    For example, the result for "fan-out p99" is "client busy, fan-out".
    """
    return f"client busy, {measure.split(maxsplit=1)[0]}"


def history_values(results: Results) -> dict[str, tuple[str, float, float, float]]:
    """Return the values of cashier_q for the history of results. The history has no values of other systems."""
    return {
        f"{measure}, {setting.screens:,} screens, {setting.stores} stores": (
            MEASURES[measure],
            summary.median,
            summary.low,
            summary.high,
        )
        for (measure, setting), summary in results.items()
        if setting.system == OURS and not setting.growing
    }


def markdown_table(rows: list[list[str]]) -> str:
    """Return a Markdown table. rows: the cells of each row. The first row is the header."""
    header, *body = rows
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def target_table(targets: list[Target]) -> str:
    rows = [["target", "limit", "measured", ""]]
    for target in targets:
        if target.measured is None:
            rows.append([target.what, target.limit, "not measured", ""])
        else:
            verdict = "met" if target.met else "not met"
            rows.append([target.what, target.limit, format_number(target.measured), verdict])
    return markdown_table(rows)


def measure_table(results: Results) -> str:
    """Return a Markdown table of all measured values, with a column for each system.

    There is a row for each combination of a measure, a number of stores and a number of screens.
    """
    systems = list(dict.fromkeys(setting.system for _, setting in results))
    places = sorted({(setting.stores, setting.screens) for _, setting in results if not setting.growing})
    rows = [["measure", "stores", "screens", *systems]]
    for measure, unit in MEASURES.items():
        for stores, screens in places:
            cells = [system_cell(results, measure, system, stores, screens) for system in systems]
            if any(cells):
                title = f"{measure} ({unit})" if unit else measure
                rows.append([title, f"{stores:,}", f"{screens:,}", *cells])
    return markdown_table(rows)


def system_cell(results: Results, measure: str, system: str, stores: int, screens: int) -> str:
    for name, setting in results:
        place = (setting.system, setting.growing, setting.stores, setting.screens)
        if name == measure and place == (system, "", stores, screens):
            return format_cell(results[measure, setting], results.get((busy_measure_of(measure), setting)))
    return ""


def growth_table(results: Results) -> str:
    rows = [["measure", "system", "against", "one more adds", "at zero"]]
    for measure, system, against, added, at_zero in growth(results):
        unit = MEASURES[measure]
        rows.append([measure, system, against, f"{added:.3g} {unit}", f"{at_zero:.3g} {unit}"])
    return markdown_table(rows)


def markdown(results: Results, failures: list[str], rounds: int) -> str:
    """Return the whole report as Markdown: the targets, the measured values, and their growth."""
    not_measured = "What could not be measured:\n\n" + "\n".join(f"- {failure}" for failure in failures)
    parts = [
        f"# Benchmark\n\n{machine()}; {rounds} round{'s' if rounds > 1 else ''}; median (smallest to largest).",
        *([not_measured] if failures else []),
        "## Targets\n\n" + target_table(evaluate(results, rounds)),
        "## Measures\n\n" + measure_table(results),
        f"A * means that the client was busy for {CLIENT_BOUND_PERCENT} % of the time or more, so the value shows the "
        "limit of the client.",
        "## Growth\n\n" + growth_table(results),
    ]
    return "\n\n".join(parts) + "\n"
