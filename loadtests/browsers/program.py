"""Starts the program that shows screens in real browsers, and waits until it has ended."""

import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from cashier_local.ports import wait_until
from loadtests.browsers.files import READY, RECORDS

START_SECONDS = 120.0
"""How long the real browsers may take until all of them show their screens."""


class Browsers:
    """The program `loadtests.browsers`, which shows the screens of some stores in real browsers.

    The `with` block begins when all browsers have painted. Raises SystemExit if a browser cannot show its screen.

    stores: the slug of each browser's store. folder: where the program writes its records.
    """

    def __init__(self, url: str, stores: list[str], folder: Path) -> None:
        self._file = folder / RECORDS
        argv = [sys.executable, "-m", "loadtests.browsers", url, str(folder), *stores]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE)
        self._ready = folder / READY

    def __enter__(self) -> "Browsers":
        try:
            wait_until(self._is_ready_or_over, START_SECONDS, "all browsers paint")
        except BaseException:
            self.__exit__()
            raise
        self.check()
        return self

    def _is_ready_or_over(self) -> bool:
        return self._ready.exists() or self._process.poll() is not None

    def check(self) -> None:
        """Raise SystemExit if the program has ended, for example because a browser has crashed."""
        if self._process.poll() is not None:
            self._fail()

    def __exit__(self, *fault: object) -> None:
        self._process.kill()
        self._process.wait()

    def finish(self) -> Path:
        """Close the browsers, and return the file with their records. Raises SystemExit if the program has failed."""
        self.check()
        self._process.communicate()
        if self._process.returncode:
            self._fail()
        return self._file

    def _fail(self) -> NoReturn:
        raise SystemExit(f"the program with the browsers has ended with exit code {self._process.returncode}")
