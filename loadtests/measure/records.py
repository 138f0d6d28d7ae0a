"""What the processes of the load generator record: presses, connections, and how late they read and woke up.

All times are seconds of time.monotonic(), which all processes of one machine share.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path

from loadtests.measure.read_delays import ReadDelay

KILL_NOTICE_SECONDS = 2.0
"""A connection that breaks within this time after a kill, and existed before the kill, is attributed to the kill."""
ResourceSample = tuple[float, float, float]
"""(when, percent of one core, MiB of resident memory) of a process and its children."""


@dataclass(slots=True)
class Press:
    """One press of a button.

    intended: when the schedule required the press. status: of the answer; 0 if there was none. seq: of the call; 0 if
    the press did not become a call. starts_in: seconds from the answer to the call's start. outcome: from the receipt.
    """

    store: str
    till: int
    intended: float
    answered: float = 0.0
    status: int = 0
    seq: int = 0
    starts_in: float = 0.0
    outcome: str = ""


@dataclass(slots=True)
class ConnectionRecord:
    """One connection of a screen.

    requested: just before the connection was begun. opened: when the handshake was answered. code: the close code; 0 if
    the test closed the connection. paints: (when, seq, till), with till 0 for "please wait". process: which process of
    the generator held the connection.
    """

    screen: str
    store: str
    opened: float
    closed: float = float("inf")
    code: int = 0
    paints: list[tuple[float, int, int]] = field(default_factory=list)
    requested: float = 0.0
    process: int = 0


@dataclass(slots=True)
class Records:
    """What one process recorded, or all processes together.

    lags: (when a process should have woken up, when it did). read_delays: one list for each process.
    """

    presses: list[Press] = field(default_factory=list)
    connections: list[ConnectionRecord] = field(default_factory=list)
    lags: list[tuple[float, float]] = field(default_factory=list)
    read_delays: list[list[ReadDelay]] = field(default_factory=lambda: [[]])

    def write(self, file: Path) -> None:
        """Write this process's file. The file appears under its name only when it is complete."""
        incomplete = file.with_suffix(".incomplete")
        incomplete.write_text(json.dumps(asdict(self)))
        incomplete.rename(file)

    @classmethod
    def read(cls, files: Iterable[Path]) -> "Records":
        """Return the records of all processes together, from one file for each process."""
        merged = cls(read_delays=[])
        for process, file in enumerate(files):
            data = json.loads(file.read_text())
            merged.presses += [Press(**press) for press in data["presses"]]
            merged.lags += [(due, woke) for due, woke in data["lags"]]
            merged.read_delays += [[(end, begin, since) for end, begin, since in own] for own in data["read_delays"]]
            for connection in data["connections"]:
                connection["process"] = process
                paints = [(at, seq, till) for at, seq, till in connection.pop("paints")]
                merged.connections.append(ConnectionRecord(**connection, paints=paints))
        return merged


def seconds_away(connections: Iterable[ConnectionRecord]) -> Iterator[float]:
    """Yield seconds from the end of each connection to the screen's next paint; infinity if there is none.

    A connection that the test itself closed does not count.
    """
    by_screen: dict[str, list[ConnectionRecord]] = defaultdict(list)
    for connection in connections:
        by_screen[connection.screen].append(connection)
    for own in by_screen.values():
        for number, lost in enumerate(own):
            if lost.code:
                back = [later.paints[0][0] for later in own[number + 1 :] if later.paints]
                yield min(back, default=inf) - lost.closed


def end_at_kill(connection: ConnectionRecord, kills: Iterable[float]) -> ConnectionRecord:
    """Return the connection with its end moved back to the kill of the replica that ended it, if one did.

    A replica holds thousands of connections, so a screen learns of the kill later than it happens.
    """
    broken = connection.code == 1006
    killed = [at for at in kills if broken and connection.opened <= at <= connection.closed < at + KILL_NOTICE_SECONDS]
    return replace(connection, closed=killed[0]) if killed else connection
