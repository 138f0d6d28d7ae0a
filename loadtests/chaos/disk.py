"""A small file system in memory for the data of a topology, and a file that fills it. Only root may do this."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCAL_MEGABYTES = 256
COMPOSE_MEGABYTES = 1024
"""PostgreSQL needs more space than SQLite, because it keeps a log of its last changes."""


@contextmanager
def small_disk(folder: Path, megabytes: int = LOCAL_MEGABYTES) -> Iterator[None]:
    """Mount a small, empty file system at the folder until the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "cashier_q-chaos", str(folder)], check=True)
    try:
        yield
    finally:
        # With --lazy, the file system disappears even if a process still uses it.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Fill the file system of the folder until the end of the block."""
    file = folder / "filling"
    try:
        with file.open("wb", buffering=0) as filling:
            try:
                while True:
                    filling.write(bytes(2**20))
            except OSError:
                # There is no room for another megabyte. The rest of the disk is filled in smaller steps.
                fill_rest(file)
        yield
    finally:
        file.unlink(missing_ok=True)


def fill_rest(file: Path) -> None:
    """Append kilobytes to the file until the disk has no room for another kilobyte."""
    with file.open("ab", buffering=0) as filling:
        try:
            while True:
                filling.write(bytes(2**10))
        except OSError:
            return
