"""The metrics of one ws replica."""

from collections.abc import Callable, Iterable

from prometheus_client import Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for each, which nobody reads

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
"""Close codes that are counted by themselves; a client may make up thousands of others."""
for each in CODES:
    CLOSED.labels(each)  # begins at 0, so that the first one is seen as a rise


def code_label(code: int) -> str:
    """The label of a close code."""
    return str(code) if code in CODES else "other"


class StoresCollector(Collector):
    """What is so at the moment when it is asked, by store.

    stores: yields slug, screens that are connected and calls that wait.
    """

    def __init__(self, stores: Callable[[], Iterable[tuple[str, int, int]]]) -> None:
        self._stores = stores
        REGISTRY.register(self)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        screens = GaugeMetricFamily("cashier_screens", "Screens that are connected.", labels=["store"])
        waiting = GaugeMetricFamily("cashier_waiting_calls", "Calls that wait for their turn.", labels=["store"])
        for store, connected, calls in self._stores():
            screens.add_metric([store], connected)
            waiting.add_metric([store], calls)
        return [screens, waiting]
