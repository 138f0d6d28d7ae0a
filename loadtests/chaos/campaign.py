"""Injects the faults of a schedule during a run, and records when each of them began and ended."""

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from loadtests.chaos.clock import LIBFAKETIME
from loadtests.chaos.disturbable import Disturbable
from loadtests.chaos.injectors import INJECTORS
from loadtests.chaos.kinds import Kind
from loadtests.chaos.schedule import ScheduledFault
from loadtests.measure.injected_fault import InjectedFault

RECOVERY_SECONDS = 40.0
"""How long to wait until the target of a fault works again.

A process that has died several times is started again only after a pause of up to 8 s."""
CHECK_SECONDS = 0.2


def possible(faults: Sequence[ScheduledFault], kinds: Mapping[str, Kind]) -> list[ScheduledFault]:
    """Return the faults that this process can inject.

    Only root can inject some kinds of faults. The clock of Redis can be moved only if libfaketime is installed.
    """
    return [
        fault
        for fault in faults
        if not (kinds[fault.kind].needs_root and os.geteuid()) and (fault.kind != "move clock" or LIBFAKETIME.exists())
    ]


class Campaign:
    """Injects each fault of a schedule in a thread of its own.

    begin: when the first press is due, in seconds of time.monotonic().
    """

    def __init__(self, topology: Disturbable, begin: float, faults: Sequence[ScheduledFault]) -> None:
        self.injected: list[InjectedFault] = []
        """The faults that have ended."""
        self._topology, self._begin = topology, begin
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._inject, args=(fault,), name=str(fault)) for fault in faults]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inject the faults. At the end of the block, undo all faults that have not ended."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def _inject(self, fault: ScheduledFault) -> None:
        if self._over.wait(max(self._begin + fault.at - time.monotonic(), 0)):
            return
        try:
            begin = time.monotonic()
            with INJECTORS[fault.kind](self._topology, fault.target) as injected:
                print(f"{begin - self._begin:+5.0f} s: {fault}", flush=True)
                self._over.wait(fault.seconds)
            recovered = self._wait_for(injected.recovered)
            self.injected.append(
                InjectedFault(
                    name=f"{fault.number} {fault.kind} {fault.target}",
                    begin=begin,
                    end=time.monotonic(),
                    cost=self._topology.kinds[fault.kind].cost(fault.target),
                    parts=injected.parts,
                    recovered=recovered,
                )
            )
        except Exception:
            # A fault that is missing in `injected` makes the run fail. The other threads still inject their faults.
            traceback.print_exc()

    def _wait_for(self, recovered: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + RECOVERY_SECONDS
        while not recovered():
            if time.monotonic() > deadline or self._over.wait(CHECK_SECONDS):
                return False
        return True
