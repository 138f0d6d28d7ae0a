"""Defines the Prometheus metrics of ws. Each replica counts and measures only its own screens."""

from collections.abc import Callable, Iterable

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

from cashier_core.build_info import BuildInfoCollector

disable_created_metrics()  # type: ignore[no-untyped-call]  # Nothing reads the series `*_created`.
REGISTRY.register(BuildInfoCollector())

OPENED = Counter("cashier_screens_opened", "Screens that have connected to this replica.")
RECONNECTED = Counter("cashier_screen_reconnects", "Screens that have connected again after a lost connection.")
CLOSED = Counter(
    "cashier_screens_closed",
    "Screens whose connection has ended, by close code. 1006 means that there was no close code.",
    ["code"],
)
REFUSED = Counter(
    "cashier_screens_refused",
    "Websockets that were refused, for example because their ticket is not valid, by close code.",
    ["code"],
)
TOO_SLOW = Counter(
    "cashier_slow_screens_closed", "Screens that were closed because they accepted no bytes for CASHIER_STUCK_SECONDS."
)
FLOODS = Counter(
    "cashier_ws_floods_closed",
    "Websockets that were closed because they sent more frames, or more fragments of a message, than a screen sends.",
)
CALL_REPORTS = Counter(
    "cashier_call_reports",
    "Reports of screens. A report contains the calls since the last report, and once a minute the state of the page.",
)
REFUSED_CALL_REPORTS = Counter(
    "cashier_call_reports_refused",
    'Calls in reports that were ignored, and invalid reports. "unknown_call" means that this replica has not shown the '
    "call in the store of the screen, or that the report came too late.",
    ["reason"],
)
OWED_SCREENS = Counter(
    "cashier_owed_screens",
    'Screens to which a call was owed, counted a minute after each call. A "silent" screen has reported nothing to '
    'this replica. The page of an "unknown" screen cannot report, or had no time for it.',
    ["result"],
)
OPEN_PROOFS = Gauge("cashier_call_proofs_open", "Proofs of calls that this replica has not written to Redis yet.")
LOST_PROOFS = Counter(
    "cashier_call_proofs_lost", "Proofs of calls that are lost, because Redis did not answer or their stream was full."
)
for each in ("invalid", "unknown_call", "duplicate"):
    REFUSED_CALL_REPORTS.labels(each)
for each in ("painted", "not_painted", "silent", "unknown"):
    OWED_SCREENS.labels(each)

READS = Counter(
    "cashier_timeline_reads",
    "Snapshots that were requested from Redis, for new boards and for boards that may have missed a change.",
)
REDIS_ERRORS = Counter("cashier_ws_redis_errors", "Requests to Redis that have failed.")

CALLS = Counter(
    "cashier_calls",
    "Calls that this replica has begun to show. Each replica with a board of the store counts the same call.",
)
LOST_CALLS = Counter(
    "cashier_calls_lost",
    "Calls that this replica had and Redis has lost. Each replica with a board of the store counts the same call.",
)
LATENESS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5)
PAINT_SECONDS = Histogram(
    "cashier_paint_seconds",
    "Seconds from a change of what a board shows until the new frame was written to the board's last screen.",
    buckets=LATENESS,
)
RESET_LATENESS = Histogram(
    "cashier_reset_lateness_seconds",
    "Seconds from the end of a call until the idle text was written to the board's last screen.",
    buckets=LATENESS,
)

SCREEN_PAINT = Histogram(
    "cashier_screen_paint_seconds",
    "Seconds from the arrival of a number at a screen until its browser had painted it, as reported by the screen.",
    buckets=LATENESS,
)
SCREEN_RESET_LATENESS = Histogram(
    "cashier_screen_reset_lateness_seconds",
    "Seconds from the end of a call until the browser of a screen had removed the number, as reported by the screen.",
    buckets=LATENESS,
)

CODES = {1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4000}
"""The close codes that the metrics count under their own label. 4000 means that the picture of a screen is frozen.

A client may invent other codes. Therefore all other codes share the label "other".
"""
for code in CODES:
    CLOSED.labels(code)  # Each counter starts at 0, because Prometheus would otherwise not see its first increment.


def code_label(code: int) -> str:
    """Return the label under which a close code is counted."""
    return str(code) if code in CODES else "other"


class StoresCollector(Collector):
    """Computes the metrics of each store when Prometheus asks for them.

    stores: a function that returns the slug, the number of connected screens and the number of queued calls of each
    store.
    """

    def __init__(self, stores: Callable[[], Iterable[tuple[str, int, int]]]) -> None:
        self._stores = stores
        REGISTRY.register(self)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        screens = GaugeMetricFamily("cashier_screens", "Screens that are connected to this replica.", labels=["store"])
        queued = GaugeMetricFamily("cashier_waiting_calls", "Calls that are queued.", labels=["store"])
        for store, connected_screens, queued_calls in self._stores():
            screens.add_metric([store], connected_screens)
            queued.add_metric([store], queued_calls)
        return [screens, queued]
