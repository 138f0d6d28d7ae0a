"""The records of one page of a screen in a real browser."""

import asyncio
import time
from typing import Any

from loadtests.clients.websocket_frames import parts_of
from loadtests.measure.records import ConnectionRecord

UNUSUAL_END = 1006
"""The close code of a connection that ended without a Close frame, for example because the page was loaded again."""


class BrowserScreen:
    """Makes records of the events that `recorder.js` reports from a page.

    A paint counts when the browser has painted it. The times of simulated screens count when a message has arrived.

    records: all connections that have been opened, also those that have ended.
    painted: is set when the page has painted a fragment for the first time.
    """

    def __init__(self, name: str, store: str) -> None:
        self.name, self.store = name, store
        self.records: list[ConnectionRecord] = []
        self.painted = asyncio.Event()
        self._requested = 0.0
        self._open: ConnectionRecord | None = None
        self._clock_ahead = 0.0
        self._parts: list[list[str]] = []

    def answer_received(self, headers: dict[str, str]) -> None:
        """Note the headers of the answer to a handshake. Its event "open" may be reported earlier or later."""
        parts = {name.lower(): value for name, value in headers.items()}.get("x-parts", "")
        self._parts.append(parts_of(parts))
        for record, found in zip(self.records, self._parts, strict=False):
            record.parts = found

    def add(self, event: dict[str, Any]) -> None:
        """Add an event of the page."""
        if event["kind"] == "page":
            # The clock of the browser is the time since 1970. All records have times of time.monotonic().
            self._clock_ahead = time.time() - time.monotonic()
        at = event["at"] / 1000 - self._clock_ahead
        match event["kind"]:
            case "page":
                self._end(at, UNUSUAL_END)
            case "request":
                self._requested = at
            case "open":
                self._open = ConnectionRecord(self.name, self.store, at, requested=self._requested, in_browser=True)
                self._open.parts = self._parts[len(self.records)] if len(self._parts) > len(self.records) else []
                self.records.append(self._open)
            case "close":
                self._end(at, event["code"])
            case "paint" if self._open:
                self._open.paints.append((at, event["seq"], event["till"]))
                self.painted.set()

    def stop(self) -> None:
        """Note that the load test closes the page."""
        self._end(time.monotonic(), 0)

    def _end(self, at: float, code: int) -> None:
        if self._open:
            self._open.closed, self._open.code, self._open = at, code, None
