"""Sends the records of each worker process to the master, which stores them as files.

The workers may run on other machines. Therefore the records travel as messages of Locust.
"""

import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent

from loadtests.measure.records import Records

if TYPE_CHECKING:
    # Importing Locust replaces parts of the standard library (gevent), which tests must not do.
    from locust.runners import MasterRunner, WorkerRunner

RECORDS = "records"
PIECE_BYTES = 2**20
ARRIVAL_SECONDS = 120.0
"""How long the master waits for the records after the end of a run."""


def send_records(runner: "WorkerRunner", records: Records) -> None:
    """Send the records of this process to the master, in pieces."""
    data = zlib.compress(records.to_json().encode(), 1)
    for begin in range(0, len(data), PIECE_BYTES):
        end = begin + PIECE_BYTES
        runner.send_message(RECORDS, {"piece": data[begin:end], "last": end >= len(data)})
        gevent.sleep(0)


class RecordFiles:
    """Receives the records of all workers, and writes a file for each worker into `folder`.

    Until a file is complete, it has another name, so that nobody reads an incomplete file.

    complete: how many files are complete.
    """

    def __init__(self, runner: "MasterRunner", folder: Path) -> None:
        self._folder = folder
        self._unpackers: dict[str, Any] = {}
        self.complete = 0
        runner.register_message(RECORDS, self._receive)

    def wait_for(self, workers: int) -> None:
        """Wait until the records of this many workers have arrived, but at most for ARRIVAL_SECONDS."""
        wait_for(lambda: self.complete >= workers, ARRIVAL_SECONDS)

    def _receive(self, environment: object, msg: Any) -> None:
        incomplete = self._folder / f"{msg.node_id}.incomplete"
        unpacker = self._unpackers.setdefault(msg.node_id, zlib.decompressobj())
        with incomplete.open("ab") as file:
            file.write(unpacker.decompress(msg.data["piece"]))
        if msg.data["last"]:
            del self._unpackers[msg.node_id]
            incomplete.rename(incomplete.with_suffix(".json"))
            self.complete += 1


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until the condition is true, but at most for this many seconds. Other greenlets run meanwhile."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        gevent.sleep(0.1)
