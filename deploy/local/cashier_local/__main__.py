"""Implements `make run`: starts the topology, prints the logs of all processes, and stops everything on Ctrl-C."""

import argparse
import os
import signal
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

from cashier_local.topology import ROOT, CannotStart, Topology

COLORS = {"redis": 31, "web": 34, "press": 33, "tasks": 37, "ws": 32, "nginx": 35}


def print_log_line(name: str, line: str) -> None:
    """Print one line of a process's log, with the name of the process in front of it."""
    color = COLORS[name.rstrip("0123456789")]
    label = f"\033[{color}m{name:>6}\033[0m" if sys.stdout.isatty() else f"{name:>6}"
    print(f"{label} | {line}", flush=True)


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return a type for argparse that accepts a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", usage="make run [PORT=8000] [WS=2]")
    parser.add_argument("--port", metavar="PORT", type=whole_number(1, 65535), default=8000)
    parser.add_argument("--replicas", metavar="WS", type=whole_number(1, 64), default=2)
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "local")
    options = parser.parse_args()

    stop = threading.Event()
    open_buttons = os.environ.setdefault("CASHIER_OPEN_BUTTONS", "true")
    os.environ.setdefault("CASHIER_OPEN_SCREENS", "true")

    def handle_signal(signum: int, frame: object) -> None:
        stop.set()
        topology.cancel()

    topology = Topology(options.folder, print_log_line, port=options.port, replicas=options.replicas)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, handle_signal)
    print("cashier_q: starting", flush=True)
    try:
        topology.start()
    except CannotStart as error:
        print(f"cashier_q: {error}", file=sys.stderr)
        return 1
    response = urllib.request.urlopen(f"{topology.url}/cashier_buttons")
    needs_sign_in = response.geturl() != f"{topology.url}/cashier_buttons"
    buttons = "the buttons require signing in" if needs_sign_in else "the buttons work without signing in"
    print(
        f"\ncashier_q is running with {options.replicas} ws replicas.\n"
        f"  screen   {topology.url}/\n"
        f"  buttons  {topology.url}/cashier_buttons\n"
        f"CASHIER_OPEN_BUTTONS={open_buttons}: {buttons}.\nPress Ctrl-C to stop.\n",
        flush=True,
    )
    stop.wait()
    print("\ncashier_q: stopping", flush=True)
    topology.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
