"""Finds what one screen has reported about the last calls of its store."""

from dataclasses import dataclass

from cashier_core.till import Till
from cashier_web.history.proof_summary import ProofSummary, summaries_of
from cashier_web.models import PastCall, Screen
from cashier_web.stores.labels import till_name

MOST_CALLS = 100


@dataclass(frozen=True)
class CallOnScreen:
    """What a screen has reported about a call.

    was_painted: None if nothing is known about the call on this screen: the screen was not connected during the whole
    call, or its page could not report, or the call ended less than a minute ago.
    paint_ms, removal_ms: as in CallReport.
    """

    call: PastCall
    was_painted: bool | None = None
    paint_ms: int | None = None
    removal_ms: int | None = None

    @property
    def till(self) -> str:
        """The name of the till."""
        return till_name(Till(self.call.till, self.call.label))


def last_calls(screen: Screen) -> list[CallOnScreen]:
    """Return the last calls that the screen's store has shown, the newest first."""
    if screen.store is None:
        return []
    shown = screen.store.calls.filter(outcome__in=[PastCall.Outcome.SHOWN, PastCall.Outcome.REPLACED])
    calls = list(shown.order_by("-pressed_at", "-pk")[:MOST_CALLS])
    summaries = summaries_of(calls)
    return [call_on_screen(call, screen, summaries.get(call.pk)) for call in calls]


def call_on_screen(call: PastCall, screen: Screen, proof: ProofSummary | None) -> CallOnScreen:
    """Return what a screen has reported about a call. proof: what is known about the call on all screens."""
    # A screen that was moved has another credential id than before. All its ids begin in the same way.
    begin = f"{screen.pk}."
    for report in proof.reports if proof else []:
        if report.credential_id.startswith(begin):
            return CallOnScreen(call, report.paint_ms is not None, report.paint_ms, report.removal_ms)
    is_missing = proof and any(each.startswith(begin) for each in proof.silent)
    return CallOnScreen(call, False if is_missing else None)
