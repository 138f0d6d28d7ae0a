"""Kills processes of the topology during a run, at the times that the profile sets."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle

import psutil

from cashier_local.topology import Topology
from loadtests.chaos.kinds import cost_of_end
from loadtests.measure.injected_fault import InjectedFault


class FaultInjector:
    """Kills a ws replica, a worker process that handles presses, or Redis at each time in `faults`.

    begin: when the first press is due, in seconds of time.monotonic().
    faults: (seconds after `begin`, what is killed: "ws", "press" or "redis").
    """

    def __init__(self, topology: Topology, begin: float, faults: Sequence[tuple[float, str]]) -> None:
        self.injected: list[InjectedFault] = []
        """The kills that have happened."""
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
            now = time.monotonic()
            self._kill(target)
            # After any kill, presses may be refused. For example, a replica that starts again uses a whole core while
            # its screens come back, so other processes may answer presses too late.
            cost = replace(cost_of_end(target), refuses_presses=True)
            self.injected.append(InjectedFault(name=target, begin=now, end=now, cost=cost))

    def _kill(self, target: str) -> None:
        if target == "press":
            gunicorn = psutil.Process(self._topology.processes["press"].pid)
            os.kill(gunicorn.children()[0].pid, signal.SIGKILL)
            return
        process = next(self._replicas) if target == "ws" else self._topology.processes[target]
        process.kill(signal.SIGKILL)
