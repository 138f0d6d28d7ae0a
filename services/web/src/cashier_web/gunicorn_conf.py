"""Gunicorn's settings: `gunicorn -c python:cashier_web.gunicorn_conf cashier_web.wsgi`."""

import gc
import shutil
import tempfile
from typing import Any

from gunicorn.glogging import Logger

from cashier_core import env, logs

ENVIRONMENT = env.read(env.WebEnvironment)
METRICS_FOLDER = tempfile.mkdtemp(prefix="cashier-metrics-")
# Workers count into files of one folder, each into its own; whoever is asked adds them up. Told before anything
# imports prometheus_client, which decides then.
env.share_metrics(METRICS_FOLDER)


class NoAccessLog(Logger):
    """Nginx has a line for every request; another one, made and thrown away, would be a tenth of a press."""

    def access(self, *of_a_request: Any) -> None:
        """Say nothing."""


logger_class = NoAccessLog
worker_class = "gthread"
workers = ENVIRONMENT.cashier_web_workers
threads = ENVIRONMENT.cashier_web_threads
# A worker takes no more than it has threads for, and hangs up after each answer: what can't be done at once waits with
# the kernel for whichever worker is free first. Connections that are kept, and Nginx uses the same few again and again,
# would lead most presses to one worker, and 99 in 100 of them would take up to 100 ms at half load instead of 10.
worker_connections = threads
keepalive = 0
# Presses take milliseconds; a worker that is silent for this long is stuck.
timeout = 30
graceful_timeout = 10
control_socket_disable = True
logconfig_dict = logs.config(ENVIRONMENT.cashier_log_level, ENVIRONMENT.cashier_log_format)


def post_worker_init(worker: Any) -> None:
    """A worker that is about to answer has everything loaded, and does its share of the chores."""
    from django.urls import get_resolver  # noqa: PLC0415  # settings and models are ready only now

    from cashier_web import periodic  # noqa: PLC0415

    get_resolver().url_patterns  # noqa: B018  # or the first press waits for all views to be imported
    # What is loaded stays for as long as the worker. To look through it for garbage took up to a quarter of a press.
    gc.collect()
    gc.freeze()
    periodic.start()


def on_exit(server: Any) -> None:
    """Nothing stays behind."""
    shutil.rmtree(METRICS_FOLDER, ignore_errors=True)
