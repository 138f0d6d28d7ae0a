"""Writes the report of a run, as an HTML page that needs no other files, and as JSON with the same figures."""

import json
import platform
from html import escape
from math import inf
from pathlib import Path
from typing import Any

from loadtests.measure.percentiles import by_phase
from loadtests.measure.percentiles import summary as summarize
from loadtests.verdict import plots
from loadtests.verdict.ledger import KINDS, Account
from loadtests.verdict.run import FAULT_PHASE_SECONDS, Run
from loadtests.verdict.slos import WORDS, Objective, objective_rows, verdict

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { border-bottom: 1px solid #ccc; padding: .2rem 1rem .2rem 0 }
td { font-variant-numeric: tabular-nums } th { text-align: left } .not-met { color: #b00020; font-weight: bold }
svg { max-width: 100%; height: auto }
"""
FAULTS_LISTED = 100
FAULTS_PRINTED = 20
MEASURES = {
    "press_to_shown": "press to number",
    "reset_lateness": "reset lateness",
    "press_to_painted": "press to number painted by a real browser",
    "removal_lateness": "lateness of the removal in a real browser",
    "press_to_answer": "press to answer",
    "connect_to_first_paint": "connect to first paint",
    "generator_lag": "generator lag",
}
"""Maps the key of each measure in the JSON file to the name of the measure on the page."""


def figures(run: Run, account: Account, objectives: list[Objective]) -> dict[str, Any]:
    """Return everything that a run has measured. Times are in milliseconds.

    The keys of the result are also the keys of the JSON file. They never change, so that reports of different versions
    of cashier_q can be compared.
    """
    phases = {"undisturbed": (run.begin, run.end)}
    if run.faults:
        phases = {
            f"{fault.name} at {fault.begin - run.begin:.0f} s": (fault.begin, fault.end + FAULT_PHASE_SECONDS)
            for fault in run.faults
        }
    return {
        "profile": run.profile.name,
        "verdict": verdict(objectives),
        "stores": run.profile.stores,
        "screens": run.profile.screens,
        "browsers": run.browsers,
        "presses_per_second": run.profile.per_second,
        "seconds": run.profile.seconds,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "owed": account.owed,
        "faults": {kind: sum(fault.kind == kind for fault in account.faults) for kind in KINDS},
        "faulty_screens": len({fault.screen for fault in account.faults}),
        "seed": run.seed,
        "schedule": run.schedule,
        "presses": len(run.records.presses),
        "refused": run.refused(),
        "press_to_shown": by_phase(account.shown, phases),
        "reset_lateness": by_phase(account.reset, phases),
        "press_to_painted": by_phase(account.painted, phases),
        "removal_lateness": by_phase(account.cleared, phases),
        "press_to_answer": by_phase(run.press_latencies(), phases),
        "connect_to_first_paint": by_phase(run.connect_latencies(), phases),
        "generator_lag": by_phase(((run.begin, lag) for lag in run.lags()), {}),
        "generators": [
            {
                "name": each.name,
                "screens": each.screens,
                "presses": each.presses,
                "clock_ahead": 0.0 - each.clock.first.difference * 1000,
                "clock_uncertainty": each.clock.uncertainty * 1000 if each.clock.uncertainty < inf else None,
                "lag": summarize(lags),
            }
            for each, lags in run.generator_lags()
        ],
        "promises": [
            {"what": each.what, "at_most": each.limit, "measured": each.measured, "kept": each.word}
            for each in objectives
        ],
    }


def history_values(values: dict[str, Any]) -> dict[str, tuple[str, float, float, float]]:
    """Return the 99th percentile of each measure for the history of results, with the median and the maximum as spread.

    values: the result of `figures`.
    """
    summaries = {name: values[key]["all"] for key, name in MEASURES.items()}
    return {
        f"{name}, p99": ("ms", summary["p99"], summary["p50"], summary["max"])
        for name, summary in summaries.items()
        if summary["count"]
    }


def html_table(rows: list[list[str]]) -> str:
    """Return an HTML table. rows: the cells of each row. The first row is the header."""
    header, *body = [[escape(cell) for cell in row] for row in rows]
    lines = ["<tr>" + "".join(f"<th>{cell}</th>" for cell in header) + "</tr>"]
    for row in body:
        attributes = ' class="not-met"' if WORDS[False] in row else ""
        lines.append(f"<tr{attributes}>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>")
    return f"<table>{''.join(lines)}</table>"


def percentile_table(values: dict[str, Any]) -> str:
    """Return an HTML table of the percentiles, with a row for each measure in each phase.

    values: the result of `figures`.
    """
    columns = ("p50", "p95", "p99", "p99.9", "max")
    rows = [["milliseconds", "phase", "count", *columns]]
    for key, name in MEASURES.items():
        for phase, summary in values[key].items():
            if summary["count"]:
                numbers = [f"{summary[column]:.1f}" for column in columns]
                rows.append([name, phase, str(summary["count"]), *numbers])
    return html_table(rows)


def generator_rows(values: dict[str, Any]) -> list[list[str]]:
    """Return the rows of a table of the processes of the load generator. values: the result of `figures`."""
    rows = [["generator", "screens", "presses", "lag p99", "lag max", "clock ahead", "uncertainty"]]
    for each in values["generators"]:
        times = (each["lag"].get("p99"), each["lag"].get("max"), each["clock_ahead"], each["clock_uncertainty"])
        cells = ["" if time is None else f"{time:.1f} ms" for time in times]
        rows.append([each["name"], str(each["screens"]), str(each["presses"]), *cells])
    return rows


def text_table(rows: list[list[str]]) -> str:
    """Return a table for a terminal. rows: the cells of each row. The first row is the header."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def fault_lines(run: Run, account: Account) -> str:
    """Return the first faults of screens as text for a terminal."""
    lines = [
        f"{fault.at - run.begin:6.2f} s  {fault.kind}: {fault.store}, seq {fault.seq}, screen {fault.screen}, "
        f"{fault.late:+.3f} s"
        for fault in sorted(account.faults, key=lambda fault: fault.at)
    ]
    more = [f"... and {len(lines) - FAULTS_PRINTED} more"] if len(lines) > FAULTS_PRINTED else []
    return "\n".join(["\nfaults of screens:", *lines[:FAULTS_PRINTED], *more]) if lines else ""


def fault_table(run: Run, account: Account) -> str:
    """Return an HTML table of the first faults of screens; "" if there are no faults."""
    if not account.faults:
        return ""
    rows = [["kind", "store", "seq", "screen", "noticed at", "hold too long by"]]
    for fault in account.faults[:FAULTS_LISTED]:
        noticed, late = f"{fault.at - run.begin:.2f} s", f"{fault.late:+.3f} s" if fault.late else ""
        rows.append([fault.kind, fault.store, str(fault.seq), fault.screen, noticed, late])
    return f"<h2>Faults (the first {FAULTS_LISTED})</h2>{html_table(rows)}"


def schedule_table(run: Run) -> str:
    """Return an HTML table of the faults that were injected, with the seed; "" if the run had no schedule."""
    if not run.schedule:
        return ""
    rows = [["fault", "begin", "end", "the target works again"]]
    for fault in sorted(run.faults, key=lambda fault: fault.begin):
        begin, end = (f"{at - run.begin:.1f} s" for at in (fault.begin, fault.end))
        rows.append([fault.name, begin, end, "yes" if fault.recovered else "no"])
    return f"<h2>Injected faults (seed {run.seed})</h2>{html_table(rows)}"


def write(folder: Path, run: Run, account: Account, objectives: list[Objective], values: dict[str, Any]) -> Path:
    """Write the report as `<profile>.html` and `<profile>.json`, and return the path of the HTML page.

    values: the result of `figures`.
    """
    (folder / f"{run.profile.name}.json").write_text(json.dumps(values, indent=2) + "\n")
    page = folder / f"{run.profile.name}.html"
    page.write_text(html(run, account, objectives, values))
    return page


def html(run: Run, account: Account, objectives: list[Objective], values: dict[str, Any]) -> str:
    """Return the report as an HTML page. values: the result of `figures`."""
    parts = [
        f"<h1>{escape(run.profile.name)}: {values['verdict']}</h1>",
        f"<p>{escape(run.profile.description)}, at {escape(run.host)}; {escape(values['machine'])}.</p>",
        html_table(objective_rows(objectives)),
        schedule_table(run),
        percentile_table(values),
        html_table(generator_rows(values)),
        *(f"<h2>{escape(title)}</h2>{svg}" for title, svg in plots.all_plots(run, account)),
        fault_table(run, account),
    ]
    head = f"<meta charset=utf-8><title>{escape(run.profile.name)}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"
