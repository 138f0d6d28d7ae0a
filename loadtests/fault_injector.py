"""The breaker: kills parts of the topology while a load runs, as a profile says."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from itertools import cycle

import psutil

from cashier_local.topology import Topology


class FaultInjector:
    """Kills a ws replica, a worker of web or Redis at each of `faults` (seconds after `begin`, which of them)."""

    def __init__(self, topology: Topology, begin: float, faults: Sequence[tuple[float, str]]) -> None:
        self.done: list[tuple[float, str]] = []
        """(seconds of time.monotonic(), what was killed)."""
        self._topology, self._begin, self._faults = topology, begin, faults
        self._replicas = cycle(topology.replicas)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "FaultInjector":
        self._thread.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        for at, what in self._faults:
            if self._over.wait(max(self._begin + at - time.monotonic(), 0)):
                return
            self._kill(what)
            self.done.append((time.monotonic(), what))

    def _kill(self, what: str) -> None:
        if what == "web":
            gunicorn = psutil.Process(self._topology.processes["web"].pid)
            os.kill(gunicorn.children()[0].pid, signal.SIGKILL)
            return
        process = next(self._replicas) if what == "ws" else self._topology.processes[what]
        process.kill(signal.SIGKILL)
