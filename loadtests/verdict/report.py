"""The report: a page that needs nothing beside itself, and the same figures as JSON."""

import json
import platform
from html import escape
from pathlib import Path
from typing import Any

from loadtests.measure.percentiles import by_phase
from loadtests.verdict import plots
from loadtests.verdict.ledger import KINDS, Account
from loadtests.verdict.run import AFTERMATH_SECONDS, Run
from loadtests.verdict.slos import Promise, verdict

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { border-bottom: 1px solid #ccc; padding: .2rem 1rem .2rem 0 }
td { font-variant-numeric: tabular-nums } th { text-align: left } .broken { color: #b00020; font-weight: bold }
svg { max-width: 100%; height: auto }
"""
WORDS = {True: "kept", False: "broken", None: "can't tell"}


def figures(run: Run, account: Account, lines: list[Promise]) -> dict[str, Any]:
    """Everything that was measured; times in milliseconds."""
    phases = {"undisturbed": (run.begin, run.end)}
    if run.faults:
        phases = {f"{what} at {at - run.begin:.0f} s": (at, at + AFTERMATH_SECONDS) for at, what in run.faults}
    return {
        "profile": run.profile.name,
        "verdict": verdict(lines),
        "stores": run.profile.stores,
        "screens": run.profile.screens,
        "presses_per_second": run.profile.per_second,
        "seconds": run.profile.seconds,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "owed": account.owed,
        "faults": {kind: sum(fault.kind == kind for fault in account.faults) for kind in KINDS},
        "faulty_screens": len({fault.screen for fault in account.faults}),
        "presses": len(run.records.presses),
        "refused": run.refused(),
        "press_to_shown": by_phase(account.shown, phases),
        "reset_lateness": by_phase(account.reset, phases),
        "press_to_answer": by_phase(run.answered(), phases),
        "connect_to_first_paint": by_phase(run.connected(), phases),
        "generator_lag": by_phase(((run.begin, lag) for lag in run.lags()), {}),
        "promises": [
            {"what": each.what, "at_most": each.promised, "measured": each.measured, "kept": WORDS[each.kept]}
            for each in lines
        ],
    }


def rows(cells: list[list[str]]) -> str:
    head, *body = [[escape(cell) for cell in row] for row in cells]
    text = "<tr>" + "".join(f"<th>{cell}</th>" for cell in head) + "</tr>"
    for row in body:
        name = ' class="broken"' if "broken" in row else ""
        text += f"<tr{name}>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    return f"<table>{text}</table>"


def percentiles(told: dict[str, Any]) -> str:
    """One line for each measure in each phase."""
    names = ("p50", "p95", "p99", "p99.9", "max")
    cells = [["milliseconds", "phase", "count", *names]]
    for measure in ("press_to_shown", "reset_lateness", "press_to_answer", "connect_to_first_paint", "generator_lag"):
        for phase, values in told[measure].items():
            if values["count"]:
                numbers = [f"{values[name]:.1f}" for name in names]
                cells.append([measure.replace("_", " "), phase, str(values["count"]), *numbers])
    return rows(cells)


def write(folder: Path, run: Run, account: Account, lines: list[Promise]) -> Path:
    """`<profile>.html`, whose path is returned, and `<profile>.json` beside it."""
    told = figures(run, account, lines)
    (folder / f"{run.profile.name}.json").write_text(json.dumps(told, indent=2) + "\n")
    page = folder / f"{run.profile.name}.html"
    page.write_text(html(run, account, lines, told))
    return page


def html(run: Run, account: Account, lines: list[Promise], told: dict[str, Any]) -> str:
    """The page; `told` are its figures."""
    promised = [[each.what, each.promised, each.measured, WORDS[each.kept]] for each in lines]
    faults = [
        [
            *(fault.kind, fault.store, str(fault.seq), fault.screen, f"{fault.at - run.begin:.2f} s"),
            f"{fault.late:+.3f} s" if fault.late else "",
        ]
        for fault in account.faults[:100]
    ]
    parts = [
        f"<h1>{escape(run.profile.name)}: {told['verdict']}</h1>",
        f"<p>{run.profile.screens} screens of {run.profile.stores} stores, {run.profile.per_second:g} presses a second "
        f"for {run.profile.seconds:.0f} s at {escape(run.host)}; {escape(told['machine'])}.</p>",
        rows([["promise", "at most", "measured", ""], *promised]),
        percentiles(told),
        *(f"<h2>{escape(title)}</h2>{svg}" for title, svg in plots.of(run, account)),
        "<h2>Faults, the first 100</h2>" + rows([["kind", "store", "seq", "screen", "at", "late"], *faults])
        if faults
        else "",
    ]
    head = f"<meta charset=utf-8><title>{escape(run.profile.name)}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"
