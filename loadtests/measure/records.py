"""The records: what the generator's processes have seen, as they write it down and as it is judged afterwards.

All times are seconds of time.monotonic(), which is one clock for all processes of a machine.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path

from loadtests.measure.read_delays import Stretch

NOTICED_SECONDS = 2.0
"""A connection that breaks off within this time of a kill, and was there before, was lost to it."""


@dataclass(slots=True)
class Press:
    """intended: when the schedule wanted it. status: of the answer; 0: there was none. seq: 0 unless it was called."""

    store: str
    till: int
    intended: float
    answered: float = 0.0
    status: int = 0
    seq: int = 0
    starts_in: float = 0.0
    outcome: str = ""


@dataclass(slots=True)
class Stay:
    """One connection of a screen. code: of its end, 0 if the test hung up. paints: (at, seq, till).

    asked: just before the connection was begun. opened: when the handshake was answered. process: which of the
    generator's saw it.
    """

    screen: str
    store: str
    opened: float
    closed: float = float("inf")
    code: int = 0
    paints: list[tuple[float, int, int]] = field(default_factory=list)
    asked: float = 0.0
    process: int = 0


@dataclass(slots=True)
class Records:
    """lags: (when a process of the generator should have woken up, when it did).

    stretches: of each process, those between its polls.
    """

    presses: list[Press] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    lags: list[tuple[float, float]] = field(default_factory=list)
    stretches: list[list[Stretch]] = field(default_factory=lambda: [[]])

    def write(self, file: Path) -> None:
        """Into a file of this process's own, which is there when it is whole."""
        begun = file.with_suffix(".begun")
        begun.write_text(json.dumps(asdict(self)))
        begun.rename(file)

    @classmethod
    def read(cls, files: Iterable[Path]) -> "Records":
        """Of all processes together."""
        all_of_them = cls(stretches=[])
        for process, file in enumerate(files):
            read = json.loads(file.read_text())
            all_of_them.presses += [Press(**each) for each in read["presses"]]
            all_of_them.lags += [(due, woke) for due, woke in read["lags"]]
            all_of_them.stretches += [[(end, begin, since) for end, begin, since in own] for own in read["stretches"]]
            for each in read["stays"]:
                each["process"] = process
                paints = [(at, seq, till) for at, seq, till in each.pop("paints")]
                all_of_them.stays.append(Stay(**each, paints=paints))
        return all_of_them


def away(stays: Iterable[Stay]) -> Iterator[float]:
    """Seconds between the end of each connection and its screen's next paint; inf: it has not come back."""
    by_screen: dict[str, list[Stay]] = defaultdict(list)
    for stay in stays:
        by_screen[stay.screen].append(stay)
    for connections in by_screen.values():
        for number, lost in enumerate(connections):
            if lost.code:
                back = [each.paints[0][0] for each in connections[number + 1 :] if each.paints]
                yield min(back, default=inf) - lost.closed


def until_killed(stay: Stay, kills: Iterable[float]) -> Stay:
    """The same connection, ended when its other end was killed: with thousands of others it is told of that late."""
    lost = stay.code == 1006
    killed = [at for at in kills if lost and stay.opened <= at <= stay.closed < at + NOTICED_SECONDS]
    return replace(stay, closed=killed[0]) if killed else stay
