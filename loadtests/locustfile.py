"""Locust's users: screens that hang on the wall, and tills that press on a fixed schedule.

`make load PROFILE=chain` runs it and judges what it has written down. With Locust's web page, which has the verdict at
/verdict: `PROFILE=smoke locust -f loadtests/locustfile.py --host http://127.0.0.1:8000`, or `make locust`.

Locust's own figures are rounded and know nothing of calls that were owed; each process writes what it saw, exactly,
into the folder that RECORDS names, or one that is made for it.
"""

import gc
import json
import logging
import math
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from gevent.pool import Group
from locust import constant, events, task
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.clients.gevent_screen import GeventScreen
from loadtests.clients.locust_process import beat, claim, listen_to_the_canary, rest_before, tell_progress
from loadtests.clients.pages import CSRF_TOKEN, websocket_of
from loadtests.measure.read_delays import Polls
from loadtests.measure.records import Press, Records
from loadtests.profiles import CONNECTS_PER_SECOND, PROFILES, SETTLE_SECONDS, TILL_USERS
from loadtests.verdict.locust_page import add_verdict
from loadtests.verdict.run import Run

PROFILE = PROFILES[os.environ.get("PROFILE", "smoke")]
PROFILE = replace(PROFILE, seconds=float(os.environ.get("SECONDS", PROFILE.seconds)))
if PROFILE.faults and "RECORDS" not in os.environ:
    raise SystemExit("the profile `faults` kills processes of a topology of its own: make load PROFILE=faults")
STORES = PROFILE.slugs()
NUMBERS = 4
"""Tills of a store."""

# Its tables of rounded figures.
logging.getLogger("locust.stats_logger").disabled = True

records = Records()
screens: list[GeventScreen] = []
clock = {"begin": 0.0}
polls = Polls(records.stretches[0])
beside = Group()
"""What goes on beside the users for as long as a run lasts."""
# Made before Locust's processes are, so that it is one for all of them.
FOLDER = Path(os.environ.get("RECORDS") or tempfile.mkdtemp(prefix="cashier_q-records-"))


def base(store: str) -> str:
    """Path of a store's pages."""
    return "/" if store == "default" else f"/s/{store}/"


def share(environment: Environment) -> tuple[int, int]:
    """Which of how many processes this is."""
    runner: Any = environment.runner
    options: Any = environment.parsed_options
    return max(getattr(runner, "worker_index", 0), 0), max(options.processes or 1, 1)


class DisplayScreen(FastHttpUser):
    """One screen: opens its page, and holds the page's websocket until the test ends, through whatever happens."""

    fixed_count = PROFILE.screens
    wait_time = constant(0)
    opened = 0

    def on_start(self) -> None:
        index, processes = share(self.environment)
        number = DisplayScreen.opened * processes + index
        DisplayScreen.opened += 1
        self.store = STORES[number % len(STORES)]
        self.name = f"{self.store}/{number}"

    @task
    def hang(self) -> None:
        path = ""
        while not path:
            with self.client.get(base(self.store), name="screen's page", headers={"Connection": "close"}) as page:
                path = websocket_of(page.text or "")
            gevent.sleep(0 if path else 1)
            if (page.url or "").endswith("/pair"):
                raise RuntimeError(f"no screens at {self.host}: they are for paired ones; see CASHIER_OPEN_SCREENS")
        screen = GeventScreen(self.host or "", path, self.name, self.store)
        screens.append(screen)
        screen.hang(records.stays)


class Till(FastHttpUser):
    """Presses in many stores, each press at its time; one that is answered late puts off no other."""

    fixed_count = TILL_USERS
    wait_time = constant(0)
    concurrency = 100

    def on_start(self) -> None:
        self.number, self.token = claim(FOLDER, TILL_USERS), ""

    @task
    def press_on_schedule(self) -> None:
        self.token = self.sign_in()
        for number in range(self.number, int(PROFILE.per_second * PROFILE.seconds), TILL_USERS):
            intended = clock["begin"] + number / PROFILE.per_second
            gevent.sleep(max(intended - time.monotonic(), 0))
            store, till = STORES[number % len(STORES)], number // len(STORES) % NUMBERS + 1
            press = Press(store, till, intended)
            records.presses.append(press)
            gevent.spawn(self.press, press)
        gevent.sleep(float("inf"))

    def sign_in(self) -> str:
        """The token that every POST needs; with an account where the buttons are not open."""
        page = self.client.get(f"{base(STORES[0])}cashier_buttons", name="buttons' page")
        found = CSRF_TOKEN.search(page.text or "")
        if found and "/sign_in" in (page.url or "") and self.host == os.environ.get("LOCUST_HOST", self.host):
            # Not if the host was changed on Locust's page: the account would go to whoever is named there.
            account = {"username": os.environ.get("LOAD_USER"), "password": os.environ.get("LOAD_PASSWORD")}
            fields = {**account, "csrfmiddlewaretoken": found[1]}
            page = self.client.post(page.url or "", fields, name="sign in", headers={"Referer": page.url})
            found = CSRF_TOKEN.search(page.text or "")
        if not found or "/sign_in" in (page.url or ""):
            raise RuntimeError(f"no buttons at {self.host}: HTTP status {page.status_code}; see LOAD_USER")
        return found[1]

    def press(self, press: Press) -> None:
        fields = {"cashier": str(press.till), "language": "en", "csrfmiddlewaretoken": self.token}
        path = f"{base(press.store)}cashier_action"
        answer = self.client.post(path, fields, name="press", headers={"Origin": self.host or ""})
        press.answered, press.status = time.monotonic(), answer.status_code or 0
        if press.status == 204:
            headers = answer.headers
            receipt = json.loads(str(headers["HX-Trigger"] if headers else ""))["receipt"]
            press.seq, press.starts_in = receipt["seq"], receipt["starts_in_ms"] / 1000
            press.outcome = receipt["outcome"]


def cut_all_at(moment: float) -> None:
    """Every screen loses its connection at once, as after a power cut."""
    gevent.sleep(moment - time.monotonic())
    for screen in screens:
        screen.cut()


@events.init_command_line_parser.add_listener
def suggest(parser: Any) -> None:
    users = PROFILE.screens + TILL_USERS
    run_time = f"{math.ceil(PROFILE.run_seconds)}s"
    parser.set_defaults(num_users=users, spawn_rate=CONNECTS_PER_SECOND, run_time=run_time, stop_timeout="0")


@events.init.add_listener
def judge(environment: Environment, **_: object) -> None:
    if environment.web_ui and environment.web_ui.app:
        add_verdict(environment.web_ui.app, FOLDER, lambda: Run(PROFILE, environment.host or "", clock["begin"]))


@events.test_start.add_listener
def begin(environment: Environment, **_: object) -> None:
    clock["begin"] = float(os.environ.get("BEGIN", time.monotonic() + PROFILE.ramp_seconds))
    # Locust's web page may have started another run before.
    for seen in (records.presses, records.stays, records.lags, records.stretches[0], screens):
        seen.clear()
    DisplayScreen.opened = 0
    if not isinstance(environment.runner, WorkerRunner):
        for file in FOLDER.iterdir():
            file.unlink()
    if isinstance(environment.runner, MasterRunner):
        beside.spawn(tell_progress, environment, clock["begin"])
        return
    beside.spawn(listen_to_the_canary, records.lags)
    polls.start()
    beside.spawn(beat, screens)
    beside.spawn(rest_before, clock["begin"] - SETTLE_SECONDS / 2)
    if PROFILE.cut_at is not None:
        beside.spawn(cut_all_at, clock["begin"] + PROFILE.cut_at)


@events.test_stop.add_listener
def write(environment: Environment, **_: object) -> None:
    beside.kill(block=False)
    polls.stop()
    gc.unfreeze()
    if not isinstance(environment.runner, MasterRunner):
        records.write(FOLDER / f"{os.getpid()}.json")


@events.quitting.add_listener
def end(environment: Environment, **_: object) -> None:
    environment.process_exit_code = 0  # it ran; what it saw is judged by others
