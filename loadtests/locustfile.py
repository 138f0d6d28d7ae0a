"""What the processes of Locust do: screens stay connected, and tills press on a fixed schedule.

`make load PROFILE=chain` starts Locust with this file. The file writes records, and `make load` computes the verdict
from these records. The verdict does not use Locust's own figures, because they are rounded, and because Locust does not
know which calls each screen should have shown.

`make locust` starts Locust with its web page. This file then adds a page /verdict. To start Locust with its web page by
hand, use `PROFILE=smoke locust -f loadtests/locustfile.py --host http://127.0.0.1:8000`.

The environment variable RECORDS names the folder for the records. Without this variable, the folder is temporary, and a
person starts and ends the run on Locust's web page.

The run may be spread over several processes, also on several machines. Locust's master process starts the run and makes
all presses, and its worker processes simulate the screens. While thousands of screens reconnect, a worker process is so
busy that it would make its presses seconds late. The environment variables matter to the master only.
"""

import gc
import logging
import math
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import gevent
from gevent.pool import Group
from locust import constant, events, task
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests.clients.gevent_screen import SOURCES, GeventScreen
from loadtests.clients.locust_process import check_connections, collect_garbage_at, print_progress
from loadtests.clients.locust_till import press_on_schedule
from loadtests.clients.pages import store_path, websocket_path
from loadtests.generators.begin import write_begin
from loadtests.generators.clocks import MasterClock, answer_questions
from loadtests.generators.share import SHARE, Share, distribute, received_share
from loadtests.generators.transfer import RecordFiles, send_records
from loadtests.measure.event_loop_lag import record_gevent_lag
from loadtests.measure.read_delays import ReadDelayRecorder
from loadtests.measure.records import Records
from loadtests.profiles import CONNECTS_PER_SECOND, DRAIN_SECONDS, SCREEN_SECRETS, SETTLE_SECONDS, profile_of
from loadtests.verdict.locust_page import add_verdict
from loadtests.verdict.run import Run

PROFILE = profile_of(os.environ)
NICE = 5
STARTED_BY_HAND = "RECORDS" not in os.environ
if (PROFILE.faults or PROFILE.chaos) and STARTED_BY_HAND:
    raise SystemExit(
        f"the profile `{PROFILE.name}` needs a topology of its own; use `make load PROFILE={PROFILE.name}`"
    )


class Process:
    """What this process of Locust knows about the current run.

    share: the share of the run that this process has; None before it is known. The master process makes all presses, so
    its share is the whole run.
    folder: where the records of all processes are stored. A worker has no such folder.
    clock, files: the clock of the master, which only a worker has, and the files of all workers, which only the master
    has.
    background: greenlets that work during a run, beside the greenlets of the users.
    has_failed: whether the run has ended early, so that there can be no verdict.
    """

    def __init__(self) -> None:
        self.share: Share | None = None
        self.folder: Path | None = None
        self.records = Records()
        self.screens: list[GeventScreen] = []
        self.read_delays = ReadDelayRecorder(self.records.read_delays[0])
        self.background = Group()
        self.clock: MasterClock | None = None
        self.files: RecordFiles | None = None
        self.has_failed = False

    def clear(self) -> None:
        """Forget the previous run. A person can start several runs on Locust's web page."""
        recorded = (self.records.presses, self.records.connections, self.records.lags, self.records.read_delays[0])
        for each in (*recorded, self.screens):
            each.clear()
        DisplayScreen.opened = 0


class DisplayScreen(FastHttpUser):
    """One simulated screen.

    It opens a screen's page, and keeps the websocket of the page connected until the run ends.
    """

    wait_time = constant(0)
    opened = 0

    def on_start(self) -> None:
        share = process.share
        assert share
        stores = share.profile.slugs()
        self.number = share.index + DisplayScreen.opened * share.processes
        DisplayScreen.opened += 1
        self.store = stores[self.number % len(stores)]
        self.name = f"{self.store}/{self.number}"

    @task
    def stay_connected(self) -> None:
        path = ""
        while not path:
            headers = {"Connection": "close", "Cookie": f"screen={SCREEN_SECRETS.format(self.number)}"}
            page = self.client.get(store_path(self.store), name="screen page", headers=headers)
            path = websocket_path(page.text or "")
            gevent.sleep(0 if path else 1)
            if (page.url or "").endswith("/pair"):
                raise RuntimeError(
                    f"{self.host} accepts only paired screens; set CASHIER_OPEN_SCREENS=true on this system"
                )
        screen = GeventScreen(self.host or "", path, self.name, self.store, source=self.number % SOURCES)
        process.screens.append(screen)
        screen.run(process.records.connections)


process = Process()


def cut_all_at(moment: float) -> None:
    """Break the connections of all screens at once, as a power cut does.

    moment: when to break them, in seconds of time.monotonic().
    """
    gevent.sleep(moment - time.monotonic())
    for number, screen in enumerate(process.screens):
        screen.cut()
        if not number % 100:
            gevent.sleep(0)


@events.init_command_line_parser.add_listener
def set_defaults(parser: Any) -> None:
    parser.set_defaults(num_users=PROFILE.screens, spawn_rate=CONNECTS_PER_SECOND, stop_timeout="0")
    if STARTED_BY_HAND:
        parser.set_defaults(run_time=f"{math.ceil(PROFILE.run_seconds)}s")


@events.init.add_listener
def prepare(environment: Environment, **_: object) -> None:
    # This logger prints Locust's own tables. It is disabled, because their figures are rounded. Locust configures its
    # loggers after it has read this file.
    logging.getLogger("locust.stats_logger").disabled = True
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        process.clock = MasterClock(runner)
        runner.register_message(SHARE, receive_share)
        return
    process.folder = Path(os.environ.get("RECORDS") or tempfile.mkdtemp(prefix="cashier_q-records-"))
    if isinstance(runner, MasterRunner):
        answer_questions(runner)
        process.files = RecordFiles(runner, process.folder)
    if environment.web_ui and environment.web_ui.app:
        add_verdict(environment.web_ui.app, process.folder, lambda: current_run(environment))


def current_run(environment: Environment) -> Run:
    """Return the run that Locust's web page has started last, without its records."""
    return Run(PROFILE, environment.host or "", process.share.begin if process.share else 0.0)


def receive_share(environment: Environment, msg: Any) -> None:
    """Store the share of this worker. msg: a message of the master."""
    process.share = received_share(msg.data)


@events.test_start.add_listener
def begin(environment: Environment, **_: object) -> None:
    runner = environment.runner
    process.clear()
    if isinstance(runner, WorkerRunner):
        if not process.share:
            # Locust gives users also to a worker that connects after the begin of the run.
            logging.getLogger(__name__).error("this worker came too late: the run has begun without it")
            runner.quit()
            return
    else:
        assert process.folder
        for file in process.folder.iterdir():
            file.unlink()
        process.share = Share(PROFILE, time.monotonic() + PROFILE.ramp_seconds)
    background, share = process.background, process.share
    background.spawn(record_gevent_lag, process.records.lags)
    process.read_delays.start()
    if isinstance(runner, MasterRunner):
        workers = distribute(runner, share)
        background.spawn(print_progress, environment, share.begin)
        if not STARTED_BY_HAND and process.folder:
            gevent.spawn(end_run, runner, workers).link_exception(lambda _: end_without_verdict(environment))
            write_begin(process.folder, share.begin, files=workers + 1)
    else:
        background.spawn(look_after_screens, share)
    if not isinstance(runner, WorkerRunner):
        presses = background.spawn(press_on_schedule, environment, share, process.records.presses)
        # Without presses, a run has no verdict. The reason is in the error that gevent prints.
        presses.link_exception(lambda _: end_without_verdict(environment))


def end_without_verdict(environment: Environment) -> None:
    """End the run. A person who has started it on Locust's web page can then start another one."""
    runner = environment.runner
    assert runner
    if STARTED_BY_HAND:
        runner.stop()
    else:
        process.has_failed = True
        runner.quit()


def look_after_screens(share: Share) -> None:
    """Do everything that a process with screens does in the background during a run."""
    background, begin = process.background, share.begin
    background.spawn(check_connections, process.screens)
    if process.clock:
        process.clock.compare_first()
        begin -= process.clock.difference
        background.spawn(process.clock.compare_for_ever)
    background.spawn(collect_garbage_at, begin - SETTLE_SECONDS / 2)
    if share.profile.cut_at is not None:
        # While all screens reconnect, this process would otherwise take the CPU time of the system under test. In
        # reality, the screens are other computers.
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        background.spawn(cut_all_at, begin + share.profile.cut_at)


def end_run(runner: MasterRunner, workers: int) -> None:
    """End the run when it is over, and end Locust when the records of all workers have arrived.

    If a worker is lost, end the run early, because a run without its records has no verdict. workers: how many workers
    there are.
    """
    assert process.share
    end = process.share.begin + PROFILE.seconds + DRAIN_SECONDS
    # Locust forgets a worker a minute after it has become silent. A worker may be silent for a moment while all its
    # screens reconnect.
    while time.monotonic() < end and len(runner.clients) >= workers:
        gevent.sleep(min(1.0, max(end - time.monotonic(), 0)))
    if len(runner.clients) < workers:
        logging.getLogger(__name__).error("a worker process was lost")
        end_without_verdict(runner.environment)
        return
    runner.stop()
    assert process.files
    process.files.wait_for(workers)
    runner.quit()


@events.test_stopping.add_listener
def write_records_of_master(environment: Environment, **_: object) -> None:
    # Locust's web page says that the run has stopped before the master gets the event `test_stop`. Somebody may then
    # already open the page with the verdict.
    if isinstance(environment.runner, MasterRunner):
        write_records(environment)


@events.test_stop.add_listener
def write_records_of_screens(environment: Environment, **_: object) -> None:
    if not isinstance(environment.runner, MasterRunner):
        write_records(environment)


def write_records(environment: Environment) -> None:
    """End everything that this process does for the run, and send its records to the master or write them to a file."""
    process.background.kill(block=False)
    process.read_delays.stop()
    gc.unfreeze()
    process.records.name = f"{socket.gethostname()}/{os.getpid()}"
    process.records.clock = process.clock.comparisons if process.clock else None
    if isinstance(environment.runner, WorkerRunner):
        send_records(environment.runner, process.records)
        process.share = None
    elif process.folder:
        process.records.write(process.folder / "master.json")


@events.quitting.add_listener
def set_exit_code(environment: Environment, **_: object) -> None:
    # Locust itself would exit with 1 after any failed request, but only the verdict decides whether the system has
    # failed. `make load` computes no verdict if the exit code is not 0, even if all processes have written records.
    environment.process_exit_code = 1 if process.has_failed else 0
    if STARTED_BY_HAND and process.folder:
        shutil.rmtree(process.folder, ignore_errors=True)
