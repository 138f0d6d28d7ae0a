"""Starts the program that shows screens in real browsers, and waits until it has ended."""

import subprocess
import sys
from pathlib import Path

from cashier_local.ports import wait_until
from loadtests.browsers.files import READY, RECORDS

START_SECONDS = 120.0
"""How long the real browsers may take until all of them show their screens."""


class Browsers:
    """The program `loadtests.browsers`, which shows the screens of some stores in real browsers.

    stores: the slug of each browser's store. folder: where the program writes its records.
    """

    def __init__(self, url: str, stores: list[str], folder: Path) -> None:
        self._file = folder / RECORDS
        argv = [sys.executable, "-m", "loadtests.browsers", url, str(folder), *stores]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE)
        wait_until(
            lambda: (folder / READY).exists() or self._process.poll() is not None, START_SECONDS, "all browsers paint"
        )

    def __enter__(self) -> "Browsers":
        return self

    def __exit__(self, *fault: object) -> None:
        self._process.kill()
        self._process.wait()

    def finish(self) -> Path:
        """Close the browsers, and return the file with their records. Raises SystemExit if the program has failed."""
        self._process.communicate()
        if self._process.returncode:
            raise SystemExit(f"the program with the browsers ended with exit code {self._process.returncode}")
        return self._file
