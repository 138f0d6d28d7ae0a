"""Gunicorn's settings: `gunicorn -c python:cashier_web.gunicorn_conf cashier_web.wsgi`."""

import contextlib
import gc
import shutil
import tempfile
from typing import Any

from gunicorn.glogging import Logger
from redis import RedisError

from cashier_core import env, logs

ENVIRONMENT = env.read(env.WebEnvironment)
METRICS_FOLDER = tempfile.mkdtemp(prefix="cashier-metrics-")
# METRICS_FOLDER is the folder in which each worker process writes its metrics into its own files. The worker process
# that answers /metrics adds up the metrics of all worker processes. prometheus_client reads the setting of the folder
# only when it is imported, so the folder must be set before.
env.share_metrics(METRICS_FOLDER)


class NoAccessLog(Logger):
    """A logger without an access log, because Nginx logs each request.

    Gunicorn's own logger formats a line for each request, even if the line is not written. This formatting took a tenth
    of the time of a press.
    """

    def access(self, *request: Any) -> None:
        """Write nothing."""


logger_class = NoAccessLog
worker_class = "gthread"
workers = ENVIRONMENT.cashier_web_workers
threads = ENVIRONMENT.cashier_web_threads
# A worker process accepts only as many connections as it has threads, and closes each connection after the answer.
# Other connections wait in the kernel until a worker process is free. If connections stayed open, Nginx would use the
# same few connections again and again, and one worker process would get most presses. At half of the highest possible
# rate of presses, the 99th percentile of the time of a press was up to 100 ms with open connections, and 10 ms without
# them.
worker_connections = threads
keepalive = 0
# The timeout of a worker process in seconds. A press takes milliseconds, so a worker process that does not respond for
# 30 s is stuck. Gunicorn then replaces the worker process.
timeout = 30
graceful_timeout = 10
control_socket_disable = True
logconfig_dict = logs.config(ENVIRONMENT.cashier_log_level, ENVIRONMENT.cashier_log_format)


def post_worker_init(worker: Any) -> None:
    """Load all modules before the worker process handles its first request."""
    from django.urls import get_resolver  # noqa: PLC0415  # Django is not set up earlier

    from cashier_web.infra.redis_clients import the_timeline  # noqa: PLC0415

    # Reading `url_patterns` imports the modules of all views. If they were not imported here, the first press would
    # have to wait for these imports.
    get_resolver().url_patterns  # noqa: B018
    # After this line, the worker process notices if the clock of Redis is set before the first press.
    with contextlib.suppress(RedisError):
        the_timeline().check_clock()
    # gc.freeze() exempts the loaded modules from garbage collection, because they stay in memory as long as the worker
    # process. Without gc.freeze(), garbage collection of these modules took up to a quarter of the time of a press.
    gc.collect()
    gc.freeze()
    worker.log.info("worker process %d accepts requests", worker.pid)


def on_exit(server: Any) -> None:
    """Delete the folder with the metrics when Gunicorn stops."""
    shutil.rmtree(METRICS_FOLDER, ignore_errors=True)
