"""Options of the command lines of the load tests."""

import argparse
import signal

STOPPED = "stopped by signal"


def positive(text: str) -> int:
    """Return a positive whole number. argparse calls this function for options that need one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def stop_at_sigterm() -> None:
    """Let the signal SIGTERM raise SystemExit, so that open `with` blocks undo all faults and stop all processes."""

    def stop(signum: int, frame: object) -> None:
        raise SystemExit(f"{STOPPED} {signum}")

    signal.signal(signal.SIGTERM, stop)
