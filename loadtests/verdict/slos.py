"""The service level objectives (SLOs) of a run: whether each of them was met.

If the load generator was too slow to judge the system, the run is void.
"""

from dataclasses import dataclass
from math import inf

from loadtests.measure.percentiles import percentile
from loadtests.verdict.ledger import KINDS, Account
from loadtests.verdict.run import Run

RESET_P99_SECONDS, RESET_MAX_SECONDS = 0.025, 0.150
SHOWN_P99_SECONDS = 0.250
"""Limit for the time from a press to its number. For a queued call, the time counts from the planned begin of the call.

If a number comes within this time, a person who looks up perceives it as immediate."""
CLEARED_P99_SECONDS = 0.1
"""Limit for how late a real browser removes a number. A browser paints 60 times a second, so it is a little less exact.
"""
BACK_SECONDS, SLOW_BACK_SECONDS, SCREENS_FOR_SLOW_BACK = 15.0, 30.0, 10_000
"""Limits for the time until a screen is connected again. The second one is for runs with many screens."""
PRESS_AFTER_CUT_SECONDS = 0.250
"""Limit for the time of a press while all screens reconnect."""
PRESS_IN_FLOOD_SECONDS, PRESS_IN_FLOOD_FACTOR = 0.1, 3
"""The limit for the 99th percentile of the time of a press during the flood is the larger of two values.

The first value is this many seconds. The second value is this many times the 99th percentile before the flood."""
LAG_P99_SECONDS, LAG_MAX_SECONDS = 0.010, 0.075
"""Limits for the event loop lag of the load generator. If the lag is larger, the generator measures its own delays."""
DISTURBED_LAG_SECONDS = 1.0
"""The limit for the event loop lag in a run with faults (kills of processes, or a cut of all connections) or a flood.

The limit is higher than in other runs, because a replica that starts again uses a whole core while all its screens come
back. In a run with faults, only holds and recovery are judged. A lag of one second does not make this judgement wrong,
because the records say which holds were read late."""
CLOCK_SECONDS = 0.010
"""The limit for the uncertainty of the difference between the clocks of the machines that generate the load."""
MISREAD_SHARE = 0.05
"""A run is void if too many numbers were read late.

The limit is a share of the numbers that were owed. If the load generator reads a number too late, the ledger cannot
judge the hold of this number."""
WORDS = {True: "met", False: "NOT MET", None: "unknown"}
PASSED, FAILED, VOID = "passed", "failed", "void"


@dataclass(frozen=True, slots=True)
class Objective:
    """One line of the verdict.

    limit, measured: texts for people. met: None if the load generator was too slow to judge this objective.
    """

    what: str
    limit: str
    measured: str
    met: bool | None

    @property
    def word(self) -> str:
        """A word for people that says whether the objective was met."""
        return WORDS[self.met]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def exactly(what: str, wanted: int, measured: int) -> Objective:
    return Objective(what, str(wanted), str(measured), measured == wanted)


def evaluate(run: Run, account: Account) -> list[Objective]:
    """Return every objective of a run.

    In a run with faults (kills of processes, or a cut of all connections), times are not judged, presses may be refused
    for a while after each fault, and all screens must come back.
    """
    profile = run.profile
    objectives = [
        generator_lag(run),
        generator_clocks(run),
        exactly("presses made", profile.presses, len(run.records.presses)),
        exactly("screens that never connected", 0, run.screens_planned - run.screens()),
        *(exactly(kind, 0, sum(fault.kind == kind for fault in account.faults)) for kind in KINDS),
        misread(account),
        Objective("presses refused", "none", str(run.refused() or "none"), not run.refused()),
    ]
    objectives += proof_objectives(run)
    if profile.flooded:
        return [*objectives, exactly("connections lost", 0, len(run.seconds_away())), press_time_in_flood(run)]
    return objectives + (recovery(run, account) if run.disturbed else undisturbed(run, account))


def generator_lag(run: Run) -> Objective:
    """Return the objective for the event loop lag of the load generator.

    If the lag is above its limit, it is unknown whether the system met the other objectives.
    """
    lags = run.lags()
    p99, longest = (percentile(sorted(lags), 99), max(lags)) if lags else (inf, inf)
    busy = run.disturbed or run.profile.flooded
    p99_limit, limit = (DISTURBED_LAG_SECONDS,) * 2 if busy else (LAG_P99_SECONDS, LAG_MAX_SECONDS)
    return Objective(
        "generator lag",
        f"p99 {ms(p99_limit)}, max {ms(limit)}",
        f"p99 {ms(p99)}, max {ms(longest)}",
        True if p99 <= p99_limit and longest <= limit else None,
    )


def generator_clocks(run: Run) -> Objective:
    """Return the objective for the clocks of the machines that generate the load.

    If their differences are not known well enough, it is unknown whether the system met the other objectives.
    """
    uncertainty = max((each.clock.uncertainty for each in run.records.generators), default=0.0)
    known = True if uncertainty <= CLOCK_SECONDS else None
    return Objective("generator clocks, uncertainty", ms(CLOCK_SECONDS), ms(uncertainty), known)


def misread(account: Account) -> Objective:
    """Return the objective for the numbers that the load generator read too late to judge.

    If there are too many such numbers, it is unknown whether the system met the other objectives.
    """
    few = account.misread <= MISREAD_SHARE * account.owed
    return Objective("read late, not judged", f"{MISREAD_SHARE:.0%}", str(account.misread), True if few else None)


def proof_objectives(run: Run) -> list[Objective]:
    """Return the objectives for the proofs of calls; an empty list if the run has none."""
    if run.proofs is None:
        return []
    explained = "; ".join(f"{count}: {why}" for why, count in run.proofs.explained.items())
    return [
        Objective("numbers proven", "some", str(run.proofs.agreed), run.proofs.agreed > 0),
        Objective("not proven because of faults", "faults only", explained or "none", not explained or run.disturbed),
        exactly("differences between proofs and records", 0, len(run.proofs.differences)),
    ]


def press_time_in_flood(run: Run) -> Objective:
    """Return the objective for the time of a press during the flood, compared with the time before the flood.

    The flood and the system share the cores of one machine. Therefore presses may become slower, up to a limit.
    """
    flood_begin = run.begin + run.profile.flood_at
    calm = sorted(seconds for at, seconds in run.press_latencies() if at < flood_begin)
    flooded = sorted(seconds for at, seconds in run.press_latencies() if at >= flood_begin)
    before, during = (percentile(times, 99) if times else inf for times in (calm, flooded))
    limit = max(PRESS_IN_FLOOD_SECONDS, PRESS_IN_FLOOD_FACTOR * before)
    return Objective(f"press in the flood, p99 (before: {ms(before)})", ms(limit), ms(during), during <= limit)


def press_time_after_cut(run: Run) -> Objective:
    """Return the objective for the time of a press while all screens reconnect after a cut of their connections.

    If no press was due meanwhile, the objective is for all presses after the cut.
    """
    begin = run.begin + (run.profile.cut_at or 0.0)
    end = begin + max(run.seconds_to_come_back(), default=0.0)
    after = [(at, seconds) for at, seconds in run.press_latencies() if at >= begin]
    during = sorted([seconds for at, seconds in after if at < end] or [seconds for _, seconds in after])
    p99 = percentile(during, 99) if during else inf
    return Objective("press after the cut, p99", ms(PRESS_AFTER_CUT_SECONDS), ms(p99), p99 <= PRESS_AFTER_CUT_SECONDS)


def recovery(run: Run, account: Account) -> list[Objective]:
    """Return the objectives that only a run with faults or with a cut of all connections has."""
    profile = run.profile
    objectives = [
        Objective("numbers owed", "some", str(account.owed), account.owed > 0),
        exactly("faults injected", run.faults_planned, len(run.faults)),
        exactly("faults that did not end", 0, sum(not fault.recovered for fault in run.faults)),
    ]
    if profile.cut_at is not None:
        lost = len(run.seconds_away())
        objectives.append(Objective("screens cut", str(profile.screens), str(lost), lost >= profile.screens))
        objectives.append(press_time_after_cut(run))
    longest = max(run.seconds_to_come_back(), default=0.0)
    limit = SLOW_BACK_SECONDS if profile.screens > SCREENS_FOR_SLOW_BACK else BACK_SECONDS
    back = Objective("longest absence", f"{limit:.0f} s", f"{longest:.1f} s", longest <= limit)
    return [*objectives, back]


def undisturbed(run: Run, account: Account) -> list[Objective]:
    """Return the objectives that only a run without kills of processes and without a cut of all connections has."""
    shown = sorted(seconds for _, seconds in account.shown)
    late = sorted(seconds for _, seconds in account.reset)
    times = [
        ("press to number, p99", SHOWN_P99_SECONDS, percentile(shown, 99) if shown else inf),
        ("reset lateness, p99", RESET_P99_SECONDS, percentile(late, 99) if late else inf),
        ("reset lateness, max", RESET_MAX_SECONDS, late[-1] if late else inf),
    ]
    if run.browsers:
        painted, cleared = (sorted(seconds for _, seconds in each) for each in (account.painted, account.cleared))
        times += [
            ("press to painted by a browser, p99", SHOWN_P99_SECONDS, percentile(painted, 99) if painted else inf),
            ("removal by a browser, p99", CLEARED_P99_SECONDS, percentile(cleared, 99) if cleared else inf),
        ]
    return [
        exactly("numbers owed", run.owed_if_never_away(), account.owed),
        exactly("connections lost", 0, len(run.seconds_away())),
        *(Objective(what, ms(limit), ms(measured), measured <= limit) for what, limit, measured in times),
    ]


def verdict(objectives: list[Objective]) -> str:
    """Return VOID if the load generator was too slow to judge the system; otherwise PASSED or FAILED."""
    if any(objective.met is None for objective in objectives):
        return VOID
    return PASSED if all(objective.met for objective in objectives) else FAILED


def objective_rows(objectives: list[Objective]) -> list[list[str]]:
    """Return the rows of a table of the objectives, with a header."""
    cells = [[each.what, each.limit, each.measured, each.word] for each in objectives]
    return [["objective", "limit", "measured", ""], *cells]
