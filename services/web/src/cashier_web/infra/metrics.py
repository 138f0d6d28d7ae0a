"""The Prometheus metrics of the web service.

Each worker process counts for itself. The counts are added up when Prometheus reads the metrics.
"""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from cashier_core import env
from cashier_core.build_info import BuildInfoCollector

PRESSES = Counter("cashier_presses", "Presses of a button, by what became of them.", ["outcome"])
for outcome in ("called", "waits", "waits already", "stays up", "full", "given up", "refused", "failed", "unreachable"):
    # Create the counter of this outcome with the value 0. Otherwise the counter would not exist before the first press
    # with this outcome, and Prometheus would not see this press as an increase.
    PRESSES.labels(outcome)
REFUSED_FOR_ROOM = Counter(
    "cashier_presses_refused_for_room",
    "Presses that were refused, because Redis has no room: for more idempotency keys, more history, or anything else.",
    ["what"],
)
for what in ("keys", "history", "memory"):
    REFUSED_FOR_ROOM.labels(what)
PRESS_SECONDS = Histogram(
    "cashier_press_seconds",
    "Seconds from the arrival of a press at a worker to the answer.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
REDIS_ERRORS = Counter("cashier_web_redis_errors", "Requests that failed because Redis did not answer.")
DATABASE_ERRORS = Counter("cashier_web_database_errors", "Requests that failed because the database did not answer.")


def render_metrics(*collectors: Collector) -> bytes:
    """Return all metrics in Prometheus's text format. They include the counts of worker processes that have ended.

    collectors: further collectors, whose metrics are not counted by worker processes.
    """
    own = CollectorRegistry()
    for collector in (BuildInfoCollector(), *collectors):
        own.register(collector)
    registry = REGISTRY
    if env.metrics_are_shared():
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry) + generate_latest(own)
