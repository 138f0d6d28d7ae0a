"""Drops packets on their way to and from a port, with rules of iptables. Only root may do this."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

COMMENT = "cashier_q-chaos-"
"""The comment of each rule is this text and the id of the process that has added the rule."""
PROBABILITY = 0.2
"""The share of the packets that the fault "lose packets" drops."""


def iptables(*arguments: str, container: int | None = None) -> str:
    """Run iptables, and return its output. Raises CalledProcessError if iptables fails.

    container: the id of a process in the container whose rules iptables reads or changes; None for the rules of this
    machine.
    """
    enter = ["nsenter", "--target", str(container), "--net"] if container else []
    return subprocess.run([*enter, "iptables", "-w", *arguments], check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True, slots=True)
class Arriving:
    """TCP packets that arrive in one network.

    match: arguments of iptables that choose the packets. container: as for `iptables`.

    The packets are dropped when they arrive. If they were dropped when they are sent, the operating
    system of the sender would know of it at once, and in a real network it does not.
    """

    match: tuple[str, ...]
    container: int | None = None


def at_port(port: int) -> list[Arriving]:
    """Return the packets to and from a port of this machine. Both ends of the connections are on this machine."""
    return [Arriving(("-i", "lo", "-p", "tcp", side, str(port))) for side in ("--dport", "--sport")]


@contextmanager
def dropped(packets: Sequence[Arriving], probability: float = 1.0) -> Iterator[None]:
    """Drop packets until the end of the block. probability: the share of packets to drop."""
    share = ("-m", "statistic", "--mode", "random", "--probability", str(probability)) if probability < 1 else ()
    rest = (*share, "-m", "comment", "--comment", comment(), "-j", "DROP")
    added = list[Arriving]()
    try:
        for each in packets:
            iptables("-I", "INPUT", *each.match, *rest, container=each.container)
            added.append(each)
        yield
    finally:
        for each in added:
            # This fails if another fault has ended the container. The rules of the container have then disappeared.
            with contextlib.suppress(subprocess.CalledProcessError):
                iptables("-D", "INPUT", *each.match, *rest, container=each.container)


def comment() -> str:
    """Return the comment of the rules that this process adds."""
    return f"{COMMENT}{os.getpid()}"


def remove_leftovers() -> None:
    """Remove the rules of processes that were killed before they could remove their rules."""
    for line in iptables("-S", "INPUT").splitlines():
        words = line.split()
        owner = next((word for word in words if word.startswith(COMMENT)), "")
        if owner and not psutil.pid_exists(int(owner.removeprefix(COMMENT))):
            iptables("-D", *words[1:])
