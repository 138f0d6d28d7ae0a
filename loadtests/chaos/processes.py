"""Finds and pauses the processes of a topology."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


def workers(pid: int | None) -> list[int]:
    """Return the ids of the worker processes, the oldest first; an empty list if the main process does not run.

    pid: the id of the main process.
    """
    if pid is None:
        return []
    try:
        children = psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []
    return [child.pid for child in sorted(children, key=lambda child: (child.create_time(), child.pid))]


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Pause a process with SIGSTOP until the end of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        # The process is missing if another fault has killed it during the block.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
