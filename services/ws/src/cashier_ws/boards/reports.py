"""Reads the reports that the page of a screen sends (static/cashier_web/screen/reports.js)."""

import json
from functools import lru_cache
from typing import Any, NamedTuple

from cashier_core.screen_status import PageState, read_page_state

REPORT_BEGINS = "{"
"""Of all texts that a screen sends, only a report begins with this character."""
MOST_CALLS = 16
"""The largest number of calls in a report. reports.js contains the same number. A report then has less than 1,024
bytes, which is the longest message that a screen may send."""


class BadReport(ValueError):
    """Raised if the text of a report is not a valid report."""


class Reporter:
    """A screen, as the readers of its reports know it. A reporter does not keep the connection of its screen in memory.

    credential_id: the credential id of a paired screen; "" for a screen that is not paired.
    can_report: whether the screen has sent a valid report since it has connected.
    has_left: whether the screen has disconnected.
    page: the last state of its page that the screen has reported; None if it has reported none.
    page_at: when it has reported this state, on the event loop's clock; when it has connected, if it has reported none.
    """

    __slots__ = ("can_report", "credential_id", "has_left", "page", "page_at")

    def __init__(self, credential_id: str, connected_at: float) -> None:
        self.credential_id, self.page_at = credential_id, connected_at
        self.can_report, self.has_left = False, False
        self.page: PageState | None = None


class Report(NamedTuple):
    """The content of a report.

    calls: what the report says about each call. These values are not checked yet.
    page: the state of the page; None if the report does not contain it.
    """

    calls: list[Any]
    page: PageState | None


def parse_report(text: str | bytes) -> Report:
    """Parse a report. Raises BadReport.

    A report is JSON: `{"calls": [["<call_id>", 41, 12], ...], "page": [true, true, "on", "<version>", 1920, 1080,
    "Chrome 128"]}`. The values of `page` are those of PageState. `page` may be missing.
    """
    try:
        report = json.loads(text)
        calls, page = report["calls"], report.get("page")
        if not isinstance(calls, list) or len(calls) > MOST_CALLS:
            raise BadReport
        return Report(calls, _shared(*page) if page is not None else None)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # Too many nested lists cause a RecursionError.
        raise BadReport from None


@lru_cache(maxsize=1000, typed=True)
def _shared(*values: Any) -> PageState:
    """Check the state of a page. Equal states are one object, because most screens of a chain report the same state."""
    return read_page_state(values)
