"""The metrics of web, counted by all workers together."""

from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from cashier_core import env

PRESSES = Counter("cashier_presses", "Presses of a button, by what became of them.", ["outcome"])
for each in ("called", "waits", "waits already", "stays up", "full", "given up", "refused", "failed", "unreachable"):
    PRESSES.labels(each)  # begins at 0, so that the first one is seen as a rise
PRESS_SECONDS = Histogram(
    "cashier_press_seconds",
    "From the press's arrival at a worker to its answer.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
REDIS_ERRORS = Counter("cashier_web_redis_errors", "Requests that failed because Redis did not answer.")
DATABASE_ERRORS = Counter("cashier_web_database_errors", "Requests that failed because the database did not answer.")


class HistoryCollector(Collector):
    """How much waits to be brought from Redis into the history, when it is asked."""

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting

    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "cashier_history_waiting", "Changes of calls that wait for the database.", value=self._waiting
        )


def text(waiting: int | None) -> bytes:
    """All figures, of every worker that lived since the start, in Prometheus's text format.

    waiting: changes of calls in Redis, None if that doesn't answer.
    """
    own = CollectorRegistry()
    if waiting is not None:
        own.register(HistoryCollector(waiting))
    registry = REGISTRY
    if env.metrics_are_shared():
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry) + generate_latest(own)
