"""Starts Locust for one run of `make load`, and waits until it has ended.

This module must not import Locust, because Locust replaces parts of Python's standard library (gevent).
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from cashier_local.ports import free_port
from loadtests.generators.begin import read_begin
from loadtests.profiles import Profile, environment_of

LOCUSTFILE = Path(__file__).parents[1] / "locustfile.py"
MASTER_PORT = 5557
"""The port at which worker processes of other machines find Locust's master process. It is Locust's default."""
POLL_SECONDS = 0.1
START_SECONDS, END_SECONDS = 60, 300
"""How long Locust may take until its processes have started, and after the run until all records have arrived."""


class Locust:
    """Locust with its processes, during one run. `records` is the folder into which Locust writes its records.

    processes: the number of worker processes on this machine.
    workers: the number of worker processes on other machines, which find this machine at `port`. If there are any, no
    worker process runs on this machine.
    """

    def __init__(self, profile: Profile, host: str, records: Path, *, processes: int, workers: int, port: int) -> None:
        self._records, self._profile = records, profile
        self._files = 0
        # Locust's processes find each other at this port. With a fixed port, the processes of another run on the same
        # machine would join this run.
        master_port = str(port if workers else free_port())
        distribution = (
            ["--master", "--expect-workers", str(workers), "--master-bind-host", "*"]
            if workers
            else [
                *("--processes", str(processes), "--master-bind-host", "127.0.0.1", "--master-port", master_port),
                *("--expect-workers-max-wait", str(START_SECONDS)),
            ]
        )
        argv = [
            *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--host", host),
            *("--only-summary", "--loglevel", "WARNING", "--master-bind-port", master_port, *distribution),
        ]
        environment = {**os.environ, **environment_of(profile), "RECORDS": str(records)}
        if workers:
            print(f"waiting for {workers} worker processes at port {port}; start them with make worker", flush=True)
        self._process = subprocess.Popen(argv, env=environment)

    def __enter__(self) -> "Locust":
        return self

    def __exit__(self, *fault: object) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self) -> float:
        """Wait until Locust starts the run, and return when the first press is due, in seconds of time.monotonic().

        Raises SystemExit if Locust ends before.
        """
        while (begun := read_begin(self._records)) is None:
            if self._process.poll() is not None:
                raise SystemExit(f"Locust did not start; its exit code is {self._process.returncode}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(POLL_SECONDS)
        begin, self._files = begun
        return begin

    def finish(self) -> list[Path]:
        """Wait until Locust has ended, and return the files with the records of its processes.

        Raises SystemExit if Locust failed.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._profile.run_seconds + END_SECONDS)
        # The records are complete only when every process has written them.
        if len(written := sorted(self._records.glob("*.json"))) != self._files or self._process.poll() != 0:
            raise SystemExit(
                f"Locust ended with exit code {self._process.poll()}; {len(written)} of {self._files} processes "
                "wrote records"
            )
        return written
