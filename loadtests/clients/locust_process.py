"""What one process of Locust does beside its users: heartbeats, garbage collection, progress."""

import contextlib
import gc
import time
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment

from loadtests.clients.gevent_screen import HEARTBEAT_SECONDS, GeventScreen

PROGRESS_SECONDS = 10.0


def send_heartbeats(screens: list[GeventScreen]) -> None:
    """Send the heartbeats of all screens, one screen after the other. Never returns."""
    while True:
        current = list(screens)
        for screen in current:
            screen.send_heartbeat()
            gevent.sleep(HEARTBEAT_SECONDS / len(current))
        if not current:
            gevent.sleep(HEARTBEAT_SECONDS)


def claim_number(folder: Path, users: int) -> int:
    """Return a number below `users` that no user in any process has claimed yet.

    Locust distributes its users over the processes as it likes, so the users agree through files in a shared folder.
    Raises RuntimeError if all numbers are claimed.
    """
    for number in range(users):
        with contextlib.suppress(FileExistsError):
            (folder / f"user-{number}").touch(exist_ok=False)
            return number
    raise RuntimeError(f"there are more than {users} users")


def collect_garbage_at(moment: float) -> None:
    """Collect the garbage of the ramp-up at a moment of time.monotonic(), and exclude what is left from collections.

    A collection that includes all connections would stop the process for 0.1 s.
    """
    gevent.sleep(moment - time.monotonic())
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 1000, 1000)  # new objects are examined once, a few at a time


def print_progress(environment: Environment, begin: float) -> None:
    """Print a line every few seconds. Runs in Locust's master process. begin: of the presses, time.monotonic()."""
    while True:
        gevent.sleep(PROGRESS_SECONDS)
        total: Any = environment.stats.total
        users = environment.runner.user_count if environment.runner else 0
        elapsed = time.monotonic() - begin
        print(
            f"{elapsed:+5.0f} s: {users} users, {total.num_requests} requests, {total.num_failures} failed",
            flush=True,
        )
