"""Moves the clock of Redis with libfaketime. The clock of the machine does not change."""

from pathlib import Path

LIBFAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
"""A library of Debian's package libfaketime, which changes the time that a process sees."""


class Clock:
    """A clock that can be moved. file: the file from which Redis reads how far the clock was moved."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0

    def move(self, seconds: int) -> None:
        """Set the clock forward or, if `seconds` is negative, back."""
        self._offset += seconds
        # Redis reads the file each time it needs the time. Therefore the new file replaces the old one in one step, and
        # Redis never reads an empty file.
        new = self._file.with_suffix(".new")
        new.write_text(f"{self._offset:+d}s")
        new.rename(self._file)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that let libfaketime read the file."""
        return {
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # libfaketime must not change the monotonic clock: if the clock of a real machine is set, only the time of
            # day jumps.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
