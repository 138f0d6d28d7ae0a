"""What a simulated screen reports about its calls and its state: the same as the page of a screen (reports.js)."""

import json
import random
from math import inf

from loadtests.measure.shown_call import ShownCall

REPORT_SECONDS, SPREAD_SECONDS, FIRST_SPREAD_SECONDS = 35.0, 5.0, 10.0
STATE_SECONDS = 60.0
PAGE_STATE = [True, True, "on", "load", 1920, 1080, "Chrome 142"]
"""The state of the page of each simulated screen (see PageState)."""
MOST_CALLS = 16
MOST_KEPT = 160


class CallReports:
    """Notes the calls of one screen, and builds its reports. A simulated screen paints each fragment at once."""

    __slots__ = ("_due", "_rows", "_shown", "_state_due")

    def __init__(self) -> None:
        self._shown: ShownCall | None = None
        self._rows: list[tuple[str, int, int]] = []
        self._due = self._state_due = inf

    def note(self, at: float, call: tuple[str, float] | None) -> ShownCall | None:
        """Note a fragment that has arrived. Returns the call, if the screen has not shown it before.

        at: when the fragment arrived. call: the result of `parse_call`.
        """
        if self._shown and call and self._shown.call_id == call[0]:
            self._shown.ends = at + call[1]  # The screen has connected again during the call.
            return None
        if self._shown:
            self._shown.removed = at
            del self._rows[: -MOST_KEPT + 1]
            self._rows.append((self._shown.call_id, 0, round((at - self._shown.ends) * 1000)))
            self._due = min(self._due, at + REPORT_SECONDS + random.random() * SPREAD_SECONDS)
        self._shown = ShownCall(call[0], at, at + call[1]) if call else None
        return self._shown

    def connected(self, at: float) -> None:
        """Note that the screen has connected. Its first report contains its state, and may contain no calls."""
        self._state_due = at + random.random() * FIRST_SPREAD_SECONDS

    def due(self, now: float) -> list[bytes]:
        """Return the reports that the screen must send now. `now` may be infinity: the screen ends."""
        is_state_due = self._state_due <= now < inf
        if not is_state_due and (self._due == inf or now < self._due):
            return []
        rows, self._rows, self._due = self._rows, [], inf
        parts = [rows[start : start + MOST_CALLS] for start in range(0, max(len(rows), 1), MOST_CALLS)]
        reports: list[dict[str, object]] = [{"calls": part} for part in parts]
        if is_state_due:
            reports[0]["page"] = PAGE_STATE
            self._state_due = now + STATE_SECONDS
        return [json.dumps(each, separators=(",", ":")).encode() for each in reports]
