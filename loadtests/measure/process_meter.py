"""Measures the CPU time and the memory of the topology's processes and their children once a second."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Protocol

import psutil

from loadtests.measure.records import ResourceSample

PERIOD_SECONDS = 1.0


class HasPid(Protocol):
    """A running process."""

    @property
    def pid(self) -> int: ...


class ProcessMeter:
    """Measures the processes from the begin to the end of its `with` block.

    samples: maps the name of each process to the list of its samples.
    """

    def __init__(self, processes: Mapping[str, HasPid]) -> None:
        self.samples: dict[str, list[ResourceSample]] = defaultdict(list)
        self._processes = dict(processes)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def __enter__(self) -> "ProcessMeter":
        self._thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self._over.set()
        self._thread.join()

    def _measure(self) -> None:
        before: dict[int, tuple[float, float]] = {}
        while not self._over.wait(PERIOD_SECONDS):
            for name, each in self._processes.items():
                busy = resident = busiest = 0.0
                for process in process_tree(each.pid):
                    try:
                        times, memory = process.cpu_times(), process.memory_info()
                    except psutil.NoSuchProcess:
                        continue
                    now, used = time.monotonic(), times.user + times.system
                    previously, used_before = before.get(process.pid, (now, used))
                    before[process.pid] = (now, used)
                    percent = (used - used_before) / (now - previously) * 100 if now > previously else 0.0
                    busy, busiest = busy + percent, max(busiest, percent)
                    resident += memory.rss / 2**20
                if resident:
                    self.samples[name].append((time.monotonic(), busy, resident, busiest))


def process_tree(pid: int) -> list[psutil.Process]:
    """Return a process, its children, their children and so on; an empty list if the process has ended."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
