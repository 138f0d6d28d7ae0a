"""The users that Locust simulates: screens that stay connected, and tills that press on a fixed schedule.

`make load PROFILE=chain` starts Locust with this file. The file writes records, and `make load` computes the verdict
from these records. The verdict does not use Locust's own figures, because they are rounded, and because Locust does not
know which calls each screen should have shown.

`make locust` starts Locust with its web page. This file then adds a page /verdict. To start Locust with its web page by
hand, use `PROFILE=smoke locust -f loadtests/locustfile.py --host http://127.0.0.1:8000`.

The environment variable RECORDS names the folder for the records. Without this variable, the folder is temporary.
"""

import gc
import json
import logging
import math
import os
import random
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

from loadtests.clients.gevent_screen import SOURCES, GeventScreen
from loadtests.clients.locust_process import check_connections, claim_number, collect_garbage_at, print_progress
from loadtests.clients.pages import csrf_token, websocket_path
from loadtests.measure.event_loop_lag import record_gevent_lag
from loadtests.measure.read_delays import ReadDelayRecorder
from loadtests.measure.records import Press, Records
from loadtests.profiles import CONNECTS_PER_SECOND, PROFILES, SETTLE_SECONDS, TILL_USERS, device_token
from loadtests.verdict.locust_page import add_verdict
from loadtests.verdict.run import Run

PROFILE = PROFILES[os.environ.get("PROFILE", "smoke")]
PROFILE = replace(
    PROFILE,
    seconds=float(os.environ.get("SECONDS", PROFILE.seconds)),
    stores=int(os.environ.get("STORES", PROFILE.stores)),
)
if (PROFILE.faults or PROFILE.chaos) and "RECORDS" not in os.environ:
    raise SystemExit(
        f"the profile `{PROFILE.name}` needs a topology of its own; use `make load PROFILE={PROFILE.name}`"
    )
STORES = PROFILE.slugs()
TILLS = 4
"""Tills of each store."""
CANCEL_SECONDS = 2.0
"""The longest time from a press to the request that cancels its call.

The time is shorter than two holds. The call is the third one of a burst, so it begins two holds after its press."""

# This logger prints Locust's own tables. It is disabled, because their figures are rounded.
logging.getLogger("locust.stats_logger").disabled = True

records = Records()
screens: list[GeventScreen] = []
clock = {"begin": 0.0}
read_delays = ReadDelayRecorder(records.read_delays[0])
background = Group()
"""Greenlets that work in the background during a run, beside the greenlets of the users."""
# The folder for the records of all processes. Locust reads this file first and forks its processes afterwards.
# Therefore all processes use the same folder.
FOLDER = Path(os.environ.get("RECORDS") or tempfile.mkdtemp(prefix="cashier_q-records-"))


def store_path(store: str) -> str:
    """Return the path of a store's screen page. The paths of all other pages of the store begin with this path."""
    return "/" if store == "default" else f"/s/{store}/"


def process_index(environment: Environment) -> tuple[int, int]:
    """Return the index of this Locust process, counted from 0, and the number of processes."""
    runner: Any = environment.runner
    options: Any = environment.parsed_options
    return max(getattr(runner, "worker_index", 0), 0), max(options.processes or 1, 1)


class DisplayScreen(FastHttpUser):
    """One simulated screen.

    It opens a screen's page, and keeps the websocket of the page connected until the run ends.
    """

    fixed_count = PROFILE.screens
    wait_time = constant(0)
    opened = 0

    def on_start(self) -> None:
        index, processes = process_index(self.environment)
        number = DisplayScreen.opened * processes + index
        DisplayScreen.opened += 1
        self.store = STORES[number % len(STORES)]
        self.name = f"{self.store}/{number}"
        self.number = number

    @task
    def stay_connected(self) -> None:
        path = ""
        while not path:
            with self.client.get(store_path(self.store), name="screen page", headers={"Connection": "close"}) as page:
                path = websocket_path(page.text or "")
            gevent.sleep(0 if path else 1)
            if (page.url or "").endswith("/pair"):
                raise RuntimeError(
                    f"{self.host} accepts only paired screens; set CASHIER_OPEN_SCREENS=true on this system"
                )
        screen = GeventScreen(self.host or "", path, self.name, self.store, source=self.number % SOURCES)
        screens.append(screen)
        screen.run(records.connections)


class Till(FastHttpUser):
    """A simulated cashier who presses in all stores on a fixed schedule.

    If the answer to a press is late, the next press is still made in time.
    """

    fixed_count = TILL_USERS
    wait_time = constant(0)
    # One Locust user may send this many presses at the same time, because in reality the presses come from different
    # browsers: no browser waits until the press of another browser is answered.
    concurrency = 1000

    def on_start(self) -> None:
        self.number, self.token = claim_number(FOLDER, TILL_USERS), ""

    @task
    def press_on_schedule(self) -> None:
        self.token = self.sign_in()
        for number in range(self.number, PROFILE.presses, TILL_USERS):
            intended = clock["begin"] + number / PROFILE.per_second
            gevent.sleep(max(intended - time.monotonic(), 0))
            burst, position = divmod(number, PROFILE.burst)
            visit, index = divmod(burst, len(STORES))
            press = Press(STORES[index], (visit * PROFILE.burst + position) % TILLS + 1, intended)
            records.presses.append(press)
            is_last = PROFILE.burst > 1 and position == PROFILE.burst - 1
            gevent.spawn(self.press_and_cancel if is_last and burst % 2 else self.press, press)
        gevent.sleep(float("inf"))

    def sign_in(self) -> str:
        """Open the page with the buttons, and sign in if the page requires it.

        Return the CSRF token for the presses.
        """
        page = self.client.get(f"{store_path(STORES[0])}cashier_buttons", name="buttons page")
        token = csrf_token(page.text or "")
        # Somebody may have entered another host on Locust's web page. The password must not be sent to this other host.
        # Therefore the user signs in only at the host in LOCUST_HOST, if this variable is set.
        if token and "/sign_in" in (page.url or "") and self.host == os.environ.get("LOCUST_HOST", self.host):
            account = {"username": os.environ.get("LOAD_USER"), "password": os.environ.get("LOAD_PASSWORD")}
            fields = {**account, "csrfmiddlewaretoken": token}
            page = self.client.post(page.url or "", fields, name="sign in", headers={"Referer": page.url})
            token = csrf_token(page.text or "")
        if not token or "/sign_in" in (page.url or ""):
            raise RuntimeError(
                f"cannot open the buttons at {self.host} (HTTP status {page.status_code}); set LOAD_USER and "
                "LOAD_PASSWORD"
            )
        return token

    def press(self, press: Press) -> None:
        fields = {"cashier": str(press.till), "language": "en", "csrfmiddlewaretoken": self.token}
        path = f"{store_path(press.store)}cashier_action"
        answer = self.client.post(path, fields, name="press", headers={"Origin": self.host or ""})
        press.answered, press.status = time.monotonic(), answer.status_code or 0
        if press.status == 204:
            headers = answer.headers
            receipt = json.loads(str(headers["HX-Trigger"] if headers else ""))["receipt"]
            press.seq, press.starts_in = receipt["seq"], receipt["starts_in_ms"] / 1000
            press.outcome = receipt["outcome"]

    def press_and_cancel(self, press: Press) -> None:
        """Press over the API, as a device does, and cancel the call soon, if it is queued."""
        path = f"/api/v1/stores/{press.store}/calls"
        headers = {"Authorization": f"Bearer {device_token(press.store)}"}
        answer = self.client.post(path, json={"till": press.till}, name="press of a device", headers=headers)
        press.answered, press.status = time.monotonic(), answer.status_code or 0
        if press.status not in {200, 201}:
            return
        # If the API accepts a press, it answers 200 or 201. The page of a cashier answers 204. Both are recorded as
        # 204, because the verdict need not distinguish them.
        press.status, receipt = 204, answer.json()
        press.seq, press.starts_in = receipt["seq"], receipt["starts_in_ms"] / 1000
        press.outcome = receipt["outcome"]
        if press.outcome != "waits":
            return
        gevent.sleep(random.uniform(0.2, CANCEL_SECONDS))
        press.cancel_sent = time.monotonic()
        # Versions before 0.2.0 return no id, and identify a call by its seq.
        answer = self.client.delete(f"{path}/{receipt.get('id', press.seq)}", name="cancel", headers=headers)
        press.cancel_answered, press.cancel_status = time.monotonic(), answer.status_code or 0


def cut_all_at(moment: float) -> None:
    """Break the connections of all screens at once, as a power cut does.

    moment: when to break them, in seconds of time.monotonic().
    """
    gevent.sleep(moment - time.monotonic())
    for screen in screens:
        screen.cut()


@events.init_command_line_parser.add_listener
def set_defaults(parser: Any) -> None:
    users = PROFILE.screens + TILL_USERS
    run_time = f"{math.ceil(PROFILE.run_seconds)}s"
    parser.set_defaults(num_users=users, spawn_rate=CONNECTS_PER_SECOND, run_time=run_time, stop_timeout="0")


@events.init.add_listener
def add_verdict_page(environment: Environment, **_: object) -> None:
    if environment.web_ui and environment.web_ui.app:
        add_verdict(environment.web_ui.app, FOLDER, lambda: Run(PROFILE, environment.host or "", clock["begin"]))


@events.test_start.add_listener
def begin(environment: Environment, **_: object) -> None:
    clock["begin"] = float(os.environ.get("BEGIN", time.monotonic() + PROFILE.ramp_seconds))
    # A person can start several runs on Locust's web page. The records of the previous run must not be part of this
    # run.
    for recorded in (records.presses, records.connections, records.lags, records.read_delays[0], screens):
        recorded.clear()
    DisplayScreen.opened = 0
    if not isinstance(environment.runner, WorkerRunner):
        for file in FOLDER.iterdir():
            file.unlink()
    if isinstance(environment.runner, MasterRunner):
        background.spawn(print_progress, environment, clock["begin"])
        return
    background.spawn(record_gevent_lag, records.lags)
    read_delays.start()
    background.spawn(check_connections, screens)
    background.spawn(collect_garbage_at, clock["begin"] - SETTLE_SECONDS / 2)
    if PROFILE.cut_at is not None:
        background.spawn(cut_all_at, clock["begin"] + PROFILE.cut_at)


@events.test_stop.add_listener
def write_records(environment: Environment, **_: object) -> None:
    background.kill(block=False)
    read_delays.stop()
    gc.unfreeze()
    if not isinstance(environment.runner, MasterRunner):
        records.write(FOLDER / f"{os.getpid()}.json")


@events.quitting.add_listener
def set_exit_code(environment: Environment, **_: object) -> None:
    # The exit code of Locust is always 0. Locust itself would exit with 1 after any failed request, but only the
    # verdict decides whether a run has failed.
    environment.process_exit_code = 0
