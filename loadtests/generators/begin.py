"""The file in which Locust's master process tells `make load` when the run begins.

This module must not import Locust, because Locust replaces parts of Python's standard library (gevent).
"""

import json
from pathlib import Path

BEGIN = "begin"


def write_begin(folder: Path, begin: float, *, files: int) -> None:
    """Write into a file in `folder` when the first press is due, and how many files with records there will be."""
    incomplete = folder / "incomplete"
    incomplete.write_text(json.dumps([begin, files]))
    incomplete.rename(folder / BEGIN)


def read_begin(folder: Path) -> tuple[float, int] | None:
    """Return what `write_begin` has written; None if Locust has not begun the run yet."""
    file = folder / BEGIN
    if not file.exists():
        return None
    begin, files = json.loads(file.read_text())
    return begin, files
