"""Prometheus metrics of one ws replica."""

from collections.abc import Callable, Iterable

from prometheus_client import Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # saves a `_created` line per metric, which nothing reads

OPENED = Counter("cashier_screens_opened", "Screens that connected.")
RECONNECTED = Counter("cashier_screen_reconnects", "Screens that connected after they had lost another connection.")
CLOSED = Counter("cashier_screens_closed", "Screens whose connection ended, by close code (1006: none).", ["code"])
REFUSED = Counter("cashier_screens_refused", "Sockets that were no screens of ours, by close code.", ["code"])
TOO_SLOW = Counter("cashier_slow_screens_closed", "Screens closed because they accepted no bytes.")
READS = Counter("cashier_timeline_reads", "Times that a store's timeline was read from Redis: new here, or behind.")
REDIS_ERRORS = Counter("cashier_ws_redis_errors", "Failed conversations with Redis.")

CALLS = Counter("cashier_calls", "Calls that came up on this replica's boards, as on every other's.")
LATENESS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5)
PAINT_SECONDS = Histogram(
    "cashier_paint_seconds", "From a change to the last screen of its store being written to.", buckets=LATENESS
)
RESET_LATENESS = Histogram(
    "cashier_reset_lateness_seconds",
    "From a call's deadline to the last screen being written its end.",
    buckets=LATENESS,
)

CODES = {1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013}
"""Close codes that have their own label. A client may invent thousands of others, which share the label "other"."""
for each in CODES:
    CLOSED.labels(each)  # start at 0: Prometheus would not see the first increment otherwise


def code_label(code: int) -> str:
    """The label under which a close code is counted."""
    return str(code) if code in CODES else "other"


class StoresCollector(Collector):
    """Figures per store, computed when Prometheus asks.

    stores: yields for each store its slug, the number of connected screens and the number of queued calls.
    """

    def __init__(self, stores: Callable[[], Iterable[tuple[str, int, int]]]) -> None:
        self._stores = stores
        REGISTRY.register(self)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        screens = GaugeMetricFamily("cashier_screens", "Screens that are connected.", labels=["store"])
        queued = GaugeMetricFamily("cashier_waiting_calls", "Calls that wait for their turn.", labels=["store"])
        for store, connected_screens, queued_calls in self._stores():
            screens.add_metric([store], connected_screens)
            queued.add_metric([store], queued_calls)
        return [screens, queued]
