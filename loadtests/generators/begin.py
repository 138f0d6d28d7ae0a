"""The file in which Locust's master process tells `make load` when the run begins.

This module must not import Locust, because Locust replaces parts of Python's standard library (gevent).
"""

from pathlib import Path

BEGIN = "begin"


def write_begin(folder: Path, begin: float) -> None:
    """Write into a file in `folder` when the first press is due. `make load` waits for this file."""
    incomplete = folder / "incomplete"
    incomplete.write_text(str(begin))
    incomplete.rename(folder / BEGIN)


def read_begin(folder: Path) -> float | None:
    """Return when the first press is due; None if Locust has not decided this yet."""
    file = folder / BEGIN
    return float(file.read_text()) if file.exists() else None
