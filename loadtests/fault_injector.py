"""Kills processes of the topology during a run, at the times that the profile sets."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from itertools import cycle

import psutil

from cashier_local.topology import Topology


class FaultInjector:
    """Kills a ws replica, a worker process of web, or Redis at each time in `faults`.

    begin: when the first press is due, in seconds of time.monotonic().
    faults: (seconds after `begin`, what is killed: "ws", "web" or "redis").
    """

    def __init__(self, topology: Topology, begin: float, faults: Sequence[tuple[float, str]]) -> None:
        self.injected: list[tuple[float, str]] = []
        """The kills that have happened: (time in seconds of time.monotonic(), what was killed)."""
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
        for at, target in self._faults:
            if self._over.wait(max(self._begin + at - time.monotonic(), 0)):
                return
            self._kill(target)
            self.injected.append((time.monotonic(), target))

    def _kill(self, target: str) -> None:
        if target == "web":
            gunicorn = psutil.Process(self._topology.processes["web"].pid)
            os.kill(gunicorn.children()[0].pid, signal.SIGKILL)
            return
        process = next(self._replicas) if target == "ws" else self._topology.processes[target]
        process.kill(signal.SIGKILL)
