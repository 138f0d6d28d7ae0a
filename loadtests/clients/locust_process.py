"""The generator: one process of Locust, which measures itself and doesn't stop to clear up while it is timed."""

import contextlib
import gc
import time
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment

from loadtests.clients.gevent_screen import BEAT_SECONDS, GeventScreen

PROGRESS_SECONDS = 10.0
CANARY_SECONDS = 0.05
"""Between two looks of the canary."""


def listen_to_the_canary(lags: list[tuple[float, float]]) -> None:
    """Note when this process should have woken up and when it did: one that wakes up late notes everything late."""
    while True:
        due = time.monotonic() + CANARY_SECONDS
        gevent.sleep(CANARY_SECONDS)
        lags.append((due, time.monotonic()))


def beat(screens: list[GeventScreen]) -> None:
    """The heartbeats of all screens, one after the other."""
    while True:
        here = list(screens)
        for screen in here:
            screen.beat()
            gevent.sleep(BEAT_SECONDS / len(here))
        if not here:
            gevent.sleep(BEAT_SECONDS)


def claim(folder: Path, among: int) -> int:
    """Which of so many users this one is: Locust spreads them over its processes as it likes."""
    for number in range(among):
        with contextlib.suppress(FileExistsError):
            (folder / f"user-{number}").touch(exist_ok=False)
            return number
    raise RuntimeError(f"there are more than {among} users")


def rest_before(moment: float) -> None:
    """Collect the ramp's garbage, and never look through what is left again, which stops a process for 0.1 s."""
    gevent.sleep(moment - time.monotonic())
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 1000, 1000)  # what comes from now on is looked through once, and little at a time


def tell_progress(environment: Environment, begin: float) -> None:
    """A line now and then from the process that looks after the others."""
    while True:
        gevent.sleep(PROGRESS_SECONDS)
        total: Any = environment.stats.total
        users = environment.runner.user_count if environment.runner else 0
        since = time.monotonic() - begin
        print(
            f"{since:+5.0f} s: {users} users, {total.num_requests} requests, {total.num_failures} refused", flush=True
        )
