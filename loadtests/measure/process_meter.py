"""The meter: CPU and memory of the topology's processes, with their children, once a second."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping

import psutil

from cashier_local.process import Process

PERIOD_SECONDS = 1.0


class ProcessMeter:
    """samples: name of a process -> (seconds of time.monotonic(), percent of one core, MiB resident)."""

    def __init__(self, processes: Mapping[str, Process]) -> None:
        self.samples: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
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
                busy = resident = 0.0
                for process in family(each.pid):
                    try:
                        times, memory = process.cpu_times(), process.memory_info()
                    except psutil.NoSuchProcess:
                        continue
                    now, used = time.monotonic(), times.user + times.system
                    then, had = before.get(process.pid, (now, used))
                    before[process.pid] = (now, used)
                    busy += (used - had) / (now - then) * 100 if now > then else 0.0
                    resident += memory.rss / 2**20
                if resident:
                    self.samples[name].append((time.monotonic(), busy, resident))


def family(pid: int) -> list[psutil.Process]:
    """A process and its children; none if it has gone."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
