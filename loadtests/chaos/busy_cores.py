"""Takes the CPU time of the machine with processes that only compute."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cashier_local.process import DIES_WITH_PARENT

PER_CORE = 2
"""Busy processes for each core of the machine."""


@contextmanager
def busy_cores() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep all cores busy until the end of the block. Yield the busy processes."""
    busy = list[subprocess.Popen[bytes]]()
    try:
        for _ in range(PER_CORE * (os.cpu_count() or 1)):
            busy.append(subprocess.Popen([*DIES_WITH_PARENT, sys.executable, "-c", "while True: pass"]))
        yield busy
    finally:
        for process in busy:
            process.kill()
            process.wait()
