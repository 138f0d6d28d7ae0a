"""What a process of Locust does in addition to its users: checks of connections, garbage collection, and messages."""

import gc
import time
from typing import Any

import gevent
from locust.env import Environment

from loadtests.clients.gevent_screen import GeventScreen

PROGRESS_SECONDS = 10.0
CHECK_SECONDS = 1.0
CHECK_PARTS = 50


def check_connections(screens: list[GeventScreen]) -> None:
    """Check about once a second whether a screen has a dead connection or must send a report. Never returns.

    The list may grow meanwhile. The checks are spread over the second, because real screens do not send their reports
    at the same time: if all reports of a second arrive within 10 ms, they delay the calls of these 10 ms.
    """
    while True:
        for part in range(CHECK_PARTS):
            gevent.sleep(CHECK_SECONDS / CHECK_PARTS)
            for screen in screens[part::CHECK_PARTS]:
                screen.check_silence()
                screen.report(time.monotonic())


def collect_garbage_at(moment: float) -> None:
    """Collect garbage once, and exempt all remaining objects from later garbage collections.

    A later garbage collection that examined the objects of all connections would stop the process for 0.1 s. moment:
    when to do this, in seconds of time.monotonic(). All screens are connected then.
    """
    gevent.sleep(moment - time.monotonic())
    gc.collect()
    gc.freeze()
    # From now on, garbage collections are short. Each garbage collection examines a few thousand new objects, and no
    # object is examined twice.
    gc.set_threshold(5_000, 1000, 1000)


def print_progress(environment: Environment, begin: float) -> None:
    """Print the progress of the run every few seconds. Runs in Locust's master process.

    begin: when the first press is due, in seconds of time.monotonic().
    """
    while True:
        gevent.sleep(PROGRESS_SECONDS)
        total: Any = environment.stats.total
        users = environment.runner.user_count if environment.runner else 0
        elapsed = time.monotonic() - begin
        print(
            f"{elapsed:+5.0f} s: {users} users, {total.num_requests} requests, {total.num_failures} failed",
            flush=True,
        )
