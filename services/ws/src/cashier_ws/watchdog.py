"""Kills a replica that hangs, so that it is started again.

A replica that hangs is worse than one that has ended: the kernel still accepts connections for it. Because its screens
reconnect elsewhere, the hung replica soon has the fewest connections, so that Nginx sends every new screen to it.

A second process watches the replica. The event loop of the replica writes a byte into a pipe once a second. If nothing
arrives for `HANG_SECONDS`, the second process kills the replica. Docker, or the local topology, then starts it again.
Docker's own health check cannot kill a container. The replica must not be process 1 of its container, because the
second process could not kill process 1 (`init: true` in compose.yaml).

Until its first byte, a replica may take `START_SECONDS`, because a slow machine that has just been switched on starts
many programs at once. Nginx sends no screens to a replica that does not listen yet.
"""

import contextlib
import logging
import logging.config
import os
import select
import signal
import sys

REPORT_SECONDS = 1.0
"""The time between two bytes."""
HANG_SECONDS = 20
"""A replica is treated as hung if its event loop has not run for this number of seconds.

The time is shorter than the 40 s after which the pages of its screens would reconnect.
"""
START_SECONDS = 120
"""A replica is treated as hung if its event loop has not run for the first time after this number of seconds."""
LOG_SECONDS = 5
"""How long the second process may take to log that it kills the replica."""

log = logging.getLogger(__name__)


class Watchdog:
    """Kills this process if `report_alive` is not called for `HANG_SECONDS`, or at first for `START_SECONDS`."""

    def __init__(self) -> None:
        """Start the second process, as a copy of this one.

        No other thread may run yet. Large modules should be imported later, so that the second process stays small.
        """
        process_id = os.getpid()
        read_end, self._write_end = os.pipe()
        if process_id == 1:
            print("warning: the watchdog cannot kill process 1; start the container with --init", file=sys.stderr)
        if not os.fork():
            try:
                os.close(self._write_end)
                _watch(read_end, process_id)
            finally:
                os._exit(1)
        os.close(read_end)
        os.set_blocking(self._write_end, False)

    def report_alive(self) -> None:
        """Tell the second process that this process does not hang. Must be called every `REPORT_SECONDS`.

        Raises BrokenPipeError if the second process has ended.
        """
        # If the second process does not run at the moment, the pipe may be full. It then contains enough bytes.
        with contextlib.suppress(BlockingIOError):
            os.write(self._write_end, b".")


def _watch(pipe: int, process_id: int) -> None:
    """Watch the process with this id until it ends, or kill it.

    The function counts seconds without a byte, instead of reading a clock. While a machine or a container is paused, a
    clock may continue, and the process would wrongly seem to hang afterwards.
    """
    # A Ctrl-C sends SIGINT to both processes. The second process ignores the signal, because it must watch the replica
    # while the replica drains.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    silent_seconds, allowed_seconds = 0, START_SECONDS
    while silent_seconds < allowed_seconds:
        ready, _, _ = select.select([pipe], [], [], 1.0)
        if not ready:
            silent_seconds += 1
        elif os.read(pipe, 4096):
            silent_seconds, allowed_seconds = 0, HANG_SECONDS
        else:
            return  # The pipe is closed, because the process has ended.
    # The replica may hang because nobody reads its log. Then this process cannot write to the log either, and the alarm
    # makes it go on.
    signal.signal(signal.SIGALRM, lambda number, frame: _kill(process_id))
    signal.alarm(LOG_SECONDS)
    from cashier_ws.settings import LOGGING  # noqa: PLC0415

    logging.config.dictConfig(LOGGING)
    log.error("this replica hangs, and is killed: its event loop has not run for %d s", silent_seconds)
    _kill(process_id)


def _kill(process_id: int) -> None:
    """Kill the process with this id, unless it has ended and another process has its id now. End this process, too."""
    if os.getppid() == process_id:
        os.kill(process_id, signal.SIGKILL)
    os._exit(1)
