"""The watchdog kills a process that hangs, but not one that starts slowly, or was paused together with it."""

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

import psutil
import pytest

from cashier_local.ports import wait_until
from cashier_ws import watchdog

HANG_SECONDS = 3
START_SECONDS = 8


def hang_in_a_full_pipe() -> None:
    """Run in a process of its own: write to standard error, which nobody reads, until the pipe is full."""
    watchdog.START_SECONDS = HANG_SECONDS
    _read_end, write_end = os.pipe()
    os.dup2(write_end, 2)
    watchdog.Watchdog()
    while True:
        os.write(2, b"x" * 65_536)


def run_until_told_to_hang(command_receiver: Connection) -> None:
    """Run in a process of its own: call `report_alive` as a replica does, and hang as soon as a command arrives."""
    watchdog.HANG_SECONDS, watchdog.START_SECONDS = HANG_SECONDS, START_SECONDS
    dog = watchdog.Watchdog()
    while not command_receiver.poll(0.2):
        dog.report_alive()
    time.sleep(60)


def start_slowly_and_hang(started: Event) -> None:
    """Run in a process of its own: call `report_alive` only after `HANG_SECONDS`, and then never again."""
    watchdog.HANG_SECONDS, watchdog.START_SECONDS = HANG_SECONDS, START_SECONDS
    dog = watchdog.Watchdog()
    time.sleep(HANG_SECONDS + 2)
    dog.report_alive()
    started.set()
    time.sleep(60)


@pytest.fixture
def watched():
    """A process with a watchdog, and the connection on which the process is told to hang."""
    context = multiprocessing.get_context("spawn")
    command_receiver, command_sender = context.Pipe(duplex=False)
    process = context.Process(target=run_until_told_to_hang, args=(command_receiver,))
    process.start()
    wait_until(lambda: psutil.Process(process.pid).children(), 20, "the watchdog runs")
    yield process, command_sender
    process.kill()


def test_a_process_that_hangs_is_killed(watched) -> None:
    process, command_sender = watched
    command_sender.send("hang")
    process.join(20)

    assert process.exitcode == -signal.SIGKILL


def test_a_process_that_starts_slowly_is_killed_only_when_it_hangs_later() -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=start_slowly_and_hang, args=(started,))
    process.start()
    assert started.wait(20)
    process.join(20)

    assert process.exitcode == -signal.SIGKILL


def test_a_process_that_hangs_because_nobody_reads_its_log_is_killed() -> None:
    process = multiprocessing.get_context("spawn").Process(target=hang_in_a_full_pipe)
    process.start()
    process.join(20)

    assert process.exitcode == -signal.SIGKILL


def test_a_process_that_is_stopped_is_killed(watched) -> None:
    process, _command_sender = watched
    os.kill(process.pid, signal.SIGSTOP)
    process.join(20)

    assert process.exitcode == -signal.SIGKILL


def test_a_process_that_was_paused_together_with_its_watchdog_is_not_killed(watched) -> None:
    process, command_sender = watched
    (dog,) = psutil.Process(process.pid).children()
    for pid in (process.pid, dog.pid):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2 * HANG_SECONDS)  # The pause is longer than the time after which a hung process is killed.
    for pid in (dog.pid, process.pid):
        os.kill(pid, signal.SIGCONT)
    process.join(HANG_SECONDS / 2)
    assert process.exitcode is None

    command_sender.send("hang")
    process.join(20)
    assert process.exitcode == -signal.SIGKILL


def test_the_watchdog_ends_with_its_process(watched) -> None:
    process, _command_sender = watched
    (dog,) = psutil.Process(process.pid).children()
    process.kill()

    wait_until(lambda: not dog.is_running() or dog.status() == psutil.STATUS_ZOMBIE, 20, "the watchdog has ended")
