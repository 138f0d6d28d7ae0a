"""Gunicorn's settings: `gunicorn -c python:cashier_web.gunicorn_conf cashier_web.wsgi`."""

import gc
import shutil
import tempfile
from typing import Any

from gunicorn.glogging import Logger

from cashier_core import env, logs

ENVIRONMENT = env.read(env.WebEnvironment)
METRICS_FOLDER = tempfile.mkdtemp(prefix="cashier-metrics-")
# Each worker counts in its own files in this folder, and the worker that answers /metrics adds the counts up. This must
# be set before prometheus_client is imported, because prometheus_client reads it only then.
env.share_metrics(METRICS_FOLDER)


class NoAccessLog(Logger):
    """Writes no access log, because Nginx writes one. Formatting a line and dropping it costs a tenth of a press."""

    def access(self, *request: Any) -> None:
        """Write nothing."""


logger_class = NoAccessLog
worker_class = "gthread"
workers = ENVIRONMENT.cashier_web_workers
threads = ENVIRONMENT.cashier_web_threads
# A worker accepts only as many connections as it has threads, and closes each after the answer. Other connections wait
# in the kernel for the first worker that is free. Nginx would use the same few kept-alive connections again and again,
# which would lead most presses to one worker: at half load, the 99th percentile was up to 100 ms instead of 10.
worker_connections = threads
keepalive = 0
# Seconds. A press takes milliseconds; a worker that does not respond for this long is stuck, and Gunicorn replaces it.
timeout = 30
graceful_timeout = 10
control_socket_disable = True
logconfig_dict = logs.config(ENVIRONMENT.cashier_log_level, ENVIRONMENT.cashier_log_format)


def post_worker_init(worker: Any) -> None:
    """Load everything before the worker's first request, and start the periodic tasks."""
    from django.urls import get_resolver  # noqa: PLC0415  # Django is set up only now

    from cashier_web import periodic  # noqa: PLC0415

    get_resolver().url_patterns  # noqa: B018  # imports all views, for which the first press would have to wait otherwise
    # The loaded modules live as long as the worker. When the garbage collector examined them, this took up to a quarter
    # of the time of a press.
    gc.collect()
    gc.freeze()
    periodic.start()


def on_exit(server: Any) -> None:
    """Delete the metrics when Gunicorn stops."""
    shutil.rmtree(METRICS_FOLDER, ignore_errors=True)
