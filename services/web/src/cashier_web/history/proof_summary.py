"""Summarizes the proof of a call: on how many screens the number was painted, and how late it was removed."""

import logging
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from cashier_core.proof_stream import CallReport
from cashier_web.models import PastCall, Screen

SHORT_MS = 500
"""A number that was removed more than this many milliseconds too early was not shown for long enough."""

log = logging.getLogger(__name__)


@dataclass
class ProofSummary:
    """What the proofs of all replicas together say about one call. Times are in milliseconds.

    Screens are given by their credential ids; "" stands for a screen that is not paired.

    reports: the reports of the screens to which the call was owed.
    silent: the screens to which the call was owed, and that have reported nothing.
    unknown: the screens to which the call was owed, and that could not report.
    joined, left: the screens that connected or disconnected during the call.
    missing_names: the names of the paired screens that have not painted the number.
    """

    reports: list[CallReport] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    missing_names: list[str] = field(default_factory=list)

    @property
    def paired(self) -> "ProofSummary":
        """The summary of the paired screens alone."""
        return ProofSummary(
            reports=[each for each in self.reports if each.credential_id],
            silent=[each for each in self.silent if each],
            unknown=[each for each in self.unknown if each],
        )

    @property
    def owed(self) -> int:
        """The number of screens to which the call was owed."""
        return self.known + len(self.unknown)

    @property
    def known(self) -> int:
        """The number of screens that should have reported."""
        return len(self.reports) + len(self.silent)

    @property
    def painted(self) -> int:
        return len(self.paints)

    @property
    def missing_ids(self) -> list[str]:
        """The screens that should have reported, and have not painted the number."""
        return [*self.silent, *(each.credential_id for each in self.reports if each.paint_ms is None)]

    @property
    def missing_without_name(self) -> int:
        """The number of missing screens that are not paired, or were deleted."""
        return len(self.missing_ids) - len(self.missing_names)

    @property
    def too_short(self) -> int:
        """The number of screens on which the number was removed too early."""
        return sum(each < -SHORT_MS for each in self.removals)

    @property
    def changed(self) -> int:
        """The number of other screens that connected or disconnected during the call."""
        owed = {*(each.credential_id for each in self.reports), *self.silent, *self.unknown}
        changed = [*self.joined, *self.left]
        return len({each for each in changed if each and each not in owed}) + changed.count("")

    @property
    def paints(self) -> list[int]:
        """The milliseconds from the arrival of the number until its paint, for each screen that has painted it."""
        return [each.paint_ms for each in self.reports if each.paint_ms is not None]

    @property
    def removals(self) -> list[int]:
        """How many milliseconds too late the number was removed, for each screen that has painted and removed it."""
        return [each.removal_ms for each in self.reports if each.removal_ms is not None]

    @property
    def paint_median(self) -> int | None:
        return _median(self.paints)

    @property
    def paint_worst(self) -> int | None:
        return max(self.paints, default=None)

    @property
    def removal_median(self) -> int | None:
        return _median([max(each, 0) for each in self.removals])

    @property
    def removal_worst(self) -> int | None:
        return max((max(each, 0) for each in self.removals), default=None)


def summaries_of(calls: Iterable[PastCall]) -> dict[int, ProofSummary]:
    """Return the summary of each call that has a proof, by the primary key of the call."""
    found = {call.pk: summary for call in calls if (summary := summary_of(call))}
    missing = {key: {screen_key(each) for each in summary.missing_ids if each} for key, summary in found.items()}
    names = dict(Screen.objects.filter(pk__in=set().union(*missing.values())).values_list("pk", "name"))
    for key, summary in found.items():
        summary.missing_names = sorted(names[screen] for screen in missing[key] if screen in names)
    return found


def summary_of(call: PastCall) -> ProofSummary | None:
    """Return the summary of a call without the names of the screens; None if the call has no proof."""
    if not call.proof:
        return None
    try:
        summary = summarize(call.proof)
        for credential_id in summary.missing_ids:
            screen_key(credential_id or "0")
    except (AttributeError, TypeError, ValueError) as error:
        # Another version of cashier_q may have stored something else.
        log.warning("the proof of the call %s can't be read: %r", call.mark, error)
        return None
    return summary


def screen_key(credential_id: str) -> int:
    """Return the primary key of the screen to which a credential id belongs."""
    return int(credential_id.partition(".")[0])


def summarize(parts: Mapping[str, Mapping[str, Any]]) -> ProofSummary:
    """Join the proofs of all replicas. parts: the value of `PastCall.proof`."""
    summary = ProofSummary()
    others: list[CallReport] = []
    for part in parts.values():
        summary.reports += map(_report, part.get("reports", []))
        summary.silent += map(str, part.get("silent", []))
        summary.unknown += map(str, part.get("unknown", []))
        summary.joined += map(str, part.get("joined", []))
        summary.left += map(str, part.get("left", []))
        others += map(_report, part.get("other_reports", []))
    _join_connections(summary, others)
    return summary


def _report(values: Any) -> CallReport:
    credential_id, paint_ms, removal_ms = values
    return CallReport(
        str(credential_id), None if paint_ms is None else int(paint_ms), None if removal_ms is None else int(removal_ms)
    )


def _join_connections(summary: ProofSummary, others: list[CallReport]) -> None:
    """Count each paired screen once, even if it had several connections.

    After a call, a screen may connect to another replica, and report there. For a while, a replica may also have a
    connection that is dead already. Screens that are not paired cannot be recognised.
    """
    owed = {*(each.credential_id for each in summary.reports), *summary.silent, *summary.unknown} - {""}
    reports: dict[str, CallReport] = {}
    for each in [*summary.reports, *others]:
        known = reports.get(each.credential_id)
        if each.credential_id in owed and (known is None or known.paint_ms is None):
            reports[each.credential_id] = each
    summary.reports = [*(each for each in summary.reports if not each.credential_id), *reports.values()]
    summary.silent = _without(reports.keys(), summary.silent)
    summary.unknown = _without(reports.keys() | {*summary.silent}, summary.unknown)


def _without(known: Set[str], credential_ids: list[str]) -> list[str]:
    """Return the screens that are not known. Each paired screen is returned once."""
    paired = dict.fromkeys(each for each in credential_ids if each and each not in known)
    return [*paired, *(each for each in credential_ids if not each)]


def _median(values: list[int]) -> int | None:
    return round(median(values)) if values else None
