"""The file in which Locust's master process tells `make load` when the run begins.

This module must not import Locust, because Locust replaces parts of Python's standard library (gevent).
"""

import json
from pathlib import Path

BEGIN = "begin"


def write_begin(folder: Path, begin: float, workers: int) -> None:
    """Write into a file in `folder` when the first press is due, and how many workers there are."""
    incomplete = folder / "incomplete"
    incomplete.write_text(json.dumps([begin, workers]))
    incomplete.rename(folder / BEGIN)


def read_begin(folder: Path) -> tuple[float, int] | None:
    """Return when the first press is due, and how many workers there are; None if Locust has not begun the run yet."""
    file = folder / BEGIN
    if not file.exists():
        return None
    begin, workers = json.loads(file.read_text())
    return begin, workers
