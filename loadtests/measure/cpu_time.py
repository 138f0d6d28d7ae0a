"""Reads the CPU time of a process and its children."""

from pathlib import Path

import psutil

from loadtests.measure.process_meter import process_tree


def cpu_seconds(pid: int) -> float:
    """Return the CPU time in seconds that a process and its children have used.

    Linux counts the time of each thread in nanoseconds. Where these times cannot be read, the result is a multiple of
    0.01 s. Threads that have ended are then included, and otherwise not.
    """
    return sum(cpu_seconds_of(process) for process in process_tree(pid))


def cpu_seconds_of(process: psutil.Process) -> float:
    threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    try:
        nanoseconds = sum(int(thread.read_text().split()[0]) for thread in threads)
        return nanoseconds / 1e9 or sum(process.cpu_times()[:2])
    except (OSError, psutil.NoSuchProcess):
        return 0.0
