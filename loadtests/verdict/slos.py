"""The promises: what a run must hold, and whether it did; or that its generator was too slow to tell."""

from dataclasses import dataclass
from math import inf

from loadtests.measure.percentiles import percentile
from loadtests.verdict.ledger import KINDS, Account
from loadtests.verdict.run import Run

RESET_P99_SECONDS, RESET_MAX_SECONDS = 0.025, 0.150
SHOWN_P99_SECONDS = 0.250
"""From a press, or from its turn if it waits, to its number: what somebody who looks up takes for at once."""
BACK_SECONDS = 15.0
LAG_P99_SECONDS, LAG_MAX_SECONDS = 0.010, 0.075
"""Of the generator; beyond that it measures itself."""
DISTURBED_LAG_SECONDS = 1.0
"""The same where something was killed or cut: a replica that starts again takes a core, and its screens come back all
at once. Nothing is judged there that a second could change, but holds; what of these was read late is known."""
MISREAD_SHARE = 0.05
"""Of the numbers that are owed, those of which the generator may be unable to tell."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of the verdict. kept: None where the generator can't tell."""

    what: str
    promised: str
    measured: str
    kept: bool | None


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def judge(run: Run, account: Account) -> list[Promise]:
    """Every promise that a run is measured by.

    Where something was killed or cut on purpose, times are told and not judged, presses may be refused for a while,
    and screens have to come back.
    """
    profile = run.profile

    def exactly(what: str, wanted: int, measured: int) -> Promise:
        return Promise(what, str(wanted), str(measured), measured == wanted)

    lags = run.lags()
    lag = (percentile(sorted(lags), 99), max(lags)) if lags else (inf, inf)
    limit = (DISTURBED_LAG_SECONDS,) * 2 if run.disturbed else (LAG_P99_SECONDS, LAG_MAX_SECONDS)
    lines = [
        Promise(
            "generator awake", f"p99 {ms(limit[0])}, max {ms(limit[1])}",
            f"p99 {ms(lag[0])}, max {ms(lag[1])}", True if lag[0] <= limit[0] and lag[1] <= limit[1] else None,
        )
    ]  # fmt: skip
    lines.append(exactly("presses made", int(profile.per_second * profile.seconds), len(run.records.presses)))
    lines.append(exactly("screens that never came", 0, profile.screens - run.screens()))
    for kind in KINDS:
        lines.append(exactly(kind, 0, sum(fault.kind == kind for fault in account.faults)))
    few = account.misread <= MISREAD_SHARE * account.owed
    lines.append(Promise("read late, not judged", f"{MISREAD_SHARE:.0%}", str(account.misread), True if few else None))
    lines.append(Promise("presses refused", "none", str(run.refused() or "none"), not run.refused()))
    away = run.away()
    if run.disturbed:
        lines.append(Promise("numbers owed", "some", str(account.owed), account.owed > 0))
        lines.append(exactly("killed or cut", len(profile.faults) + (profile.cut_at is not None), len(run.faults)))
        if profile.cut_at is not None:
            lines.append(Promise("screens cut", str(profile.screens), str(len(away)), len(away) >= profile.screens))
        longest = max(away, default=0.0)
        lines.append(Promise("longest away", f"{BACK_SECONDS:.0f} s", f"{longest:.1f} s", longest <= BACK_SECONDS))
        return lines
    lines.append(exactly("numbers owed", run.owed(), account.owed))
    lines.append(exactly("screens lost", 0, len(away)))
    shown = sorted(seconds for _, seconds in account.shown)
    late = sorted(seconds for _, seconds in account.reset)
    for what, promised, measured in (
        ("press to number, p99", SHOWN_P99_SECONDS, percentile(shown, 99) if shown else inf),
        ("reset late, p99", RESET_P99_SECONDS, percentile(late, 99) if late else inf),
        ("reset late, max", RESET_MAX_SECONDS, late[-1] if late else inf),
    ):
        lines.append(Promise(what, ms(promised), ms(measured), measured <= promised))
    return lines


def verdict(lines: list[Promise]) -> str:
    """ "void" if the generator was too slow to tell, else "kept" or "broken"."""
    if any(line.kept is None for line in lines):
        return "void"
    return "kept" if all(line.kept for line in lines) else "broken"


def table(lines: list[Promise]) -> str:
    """For a terminal."""
    words = {True: "kept", False: "BROKEN", None: "can't tell"}
    rows = [("promise", "at most", "measured", "")]
    rows += [(line.what, line.promised, line.measured, words[line.kept]) for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
