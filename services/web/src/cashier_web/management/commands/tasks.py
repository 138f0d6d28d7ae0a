"""The command of the service `tasks`, which runs the periodic tasks until it gets SIGTERM."""

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from cashier_web import periodic
from cashier_web.alarms.metrics import AlarmCollector
from cashier_web.fleet.metrics import FleetCollector
from cashier_web.infra.tasks_server import serve_health_and_metrics


class Command(BaseCommand):
    help = "Run the periodic tasks, such as moving past calls into the database, until SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address for /healthz and /metrics")
        parser.add_argument("--port", type=int, required=True, help="port for /healthz and /metrics")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        stopping = threading.Event()

        def stop(signum: int, frame: FrameType | None) -> None:
            stopping.set()

        # A task that is running when the signal arrives is completed first.
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        rounds, messages = periodic.Rounds(periodic.TASKS), periodic.Rounds(periodic.MESSAGES)
        serve_health_and_metrics(
            host,
            port,
            lambda: max(rounds.seconds_since_last(), messages.seconds_since_last()),
            FleetCollector(),
            AlarmCollector(),
        )
        thread = threading.Thread(target=messages.run_until, args=(stopping,), name="messages")
        thread.start()
        rounds.run_until(stopping)
        thread.join()
