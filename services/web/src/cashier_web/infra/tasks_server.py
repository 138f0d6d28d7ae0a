"""The HTTP server of the service `tasks`. It answers the health check, and gives Prometheus the metrics.

The service has no pages, so it needs no Gunicorn.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.db import connection
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector

from cashier_web.infra import metrics
from cashier_web.infra.state_metrics import DiskCollector, HistoryCollector

STUCK_SECONDS = 300
"""A round of the periodic tasks takes less than a second, except for a round that deletes a day of old calls. If a
round takes longer than this many seconds, the service is not healthy."""


class NoLog(WSGIRequestHandler):
    """A handler that logs nothing, because the requests come from health checks and from Prometheus only."""

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


def metrics_text(*collectors: Collector) -> bytes:
    """Return the metrics of the service. collectors: further metrics."""
    return metrics.render_metrics(HistoryCollector(), DiskCollector(), *collectors)


def serve_health_and_metrics(
    host: str, port: int, seconds_since_last_round: Callable[[], float], *collectors: Collector
) -> None:
    """Answer requests to /healthz and /metrics in a thread, until the process ends.

    seconds_since_last_round: returns the time in seconds since the periodic tasks ended their last round.
    collectors: further metrics.
    Raises OSError if the port is in use.
    """

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path, content_type = environ["PATH_INFO"], "text/plain; charset=utf-8"
        if path == "/metrics":
            status, content_type, body = "200 OK", CONTENT_TYPE_LATEST, metrics_text(*collectors)
            # Each request has a thread of its own, so it also has its own connection to the database.
            connection.close()
        elif path != "/healthz":
            status, body = "404 Not Found", b"This service answers only /healthz and /metrics.\n"
        elif seconds_since_last_round() > STUCK_SECONDS:
            status, body = "503 Service Unavailable", b"a periodic task is stuck\n"
        else:
            status, body = "200 OK", b"ok\n"
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    server = make_server(host, port, app, ThreadingWSGIServer, NoLog)
    threading.Thread(target=server.serve_forever, name="health and metrics", daemon=True).start()
