"""The records that the processes of the load generator write: presses, connections, read delays and event loop lags.

All times are in seconds of time.monotonic(). Each process writes times of its own machine's clock. When the records are
read, they get times of the clock of Locust's master process.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

from loadtests.measure.clock_difference import SAME_CLOCK, Comparison, Conversion, conversion
from loadtests.measure.injected_fault import InjectedFault
from loadtests.measure.read_delays import ReadDelay
from loadtests.measure.shown_call import ShownCall

KILL_NOTICE_SECONDS = 2.0
"""How long after the kill of a replica the screens notice it at the latest.

If a connection that existed at the kill breaks within this time, the kill is regarded as the reason."""
ResourceSample = tuple[float, float, float, float]
"""CPU and memory of a process and its children: (time, percent of one core, MiB of resident memory, busiest).

busiest: percent of one core of that process among them which used most."""


@dataclass(slots=True)
class Press:
    """One press of a button.

    intended: when the press was due according to the schedule.
    answered: when the answer arrived.
    status: the HTTP status of the answer; 0 if there was no answer.
    seq, outcome: what the receipt says about the call; 0 and "" without a receipt.
    starts_in: seconds until the begin of the call, as the receipt says.
    cancel_sent, cancel_answered: when the request to cancel the call was sent, and when its answer arrived. Both are 0
    if the call was not to be cancelled.
    cancel_status: the HTTP status of this answer; 0 if there was no answer.
    """

    store: str
    till: int
    intended: float
    answered: float = 0.0
    status: int = 0
    seq: int = 0
    starts_in: float = 0.0
    outcome: str = ""
    cancel_sent: float = 0.0
    cancel_answered: float = 0.0
    cancel_status: int = 0


@dataclass(slots=True)
class ConnectionRecord:
    """One connection of a simulated screen.

    requested: when the screen began to connect.
    opened: when the screen received the answer to its handshake.
    code: the close code; 0 if the load test itself closed the connection.
    paints: (time, seq, till) of each paint. The till is 0 for "please wait".
    process: the number of the load generator's process that held the connection.
    parts: through which parts of the system the connection went: the process id of Nginx's worker process and the
    address of the replica. Empty if the system does not say this.
    calls: the calls that the screen began to show on this connection, if the server says their call_ids.
    in_browser: whether a real browser showed the screen. The time of a paint is then the time at which the browser had
    painted. On other screens, it is the time at which the fragment arrived.
    """

    screen: str
    store: str
    opened: float
    closed: float = float("inf")
    code: int = 0
    paints: list[tuple[float, int, int]] = field(default_factory=list)
    requested: float = 0.0
    process: int = 0
    parts: list[str] = field(default_factory=list)
    calls: list[ShownCall] = field(default_factory=list)
    in_browser: bool = False


@dataclass(frozen=True, slots=True)
class Generator:
    """One process of the load generator.

    name: the name of its machine and its process id.
    lags: (when the process should have woken up, when it woke up), on the clock of the master.
    clock: how the times of its machine were converted.
    """

    name: str
    screens: int
    presses: int
    lags: list[tuple[float, float]]
    clock: Conversion


@dataclass(slots=True)
class Records:
    """The records of one process, or the combined records of all processes.

    lags: (when a process should have woken up, when it woke up). read_delays: one list for each process.
    name: the name of the process. clock: the comparisons of its clock with the clock of the master; None if both are
    the same clock. Both have their defaults in combined records.
    generators: only in combined records, the processes from which they come.
    """

    presses: list[Press] = field(default_factory=list)
    connections: list[ConnectionRecord] = field(default_factory=list)
    lags: list[tuple[float, float]] = field(default_factory=list)
    read_delays: list[list[ReadDelay]] = field(default_factory=lambda: [[]])
    name: str = ""
    clock: list[Comparison] | None = None
    generators: list[Generator] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def write(self, file: Path) -> None:
        """Write the records of this process to a file.

        Until the file is complete, it has another name, so that nobody reads an incomplete file.
        """
        incomplete = file.with_suffix(".incomplete")
        incomplete.write_text(self.to_json())
        incomplete.rename(file)

    @classmethod
    def read(cls, files: Iterable[Path]) -> "Records":
        """Read one file for each process, and return the combined records of all processes."""
        merged = cls(read_delays=[])
        for process, file in enumerate(files):
            merged._add(process, json.loads(file.read_text()))
        return merged

    def _add(self, process: int, data: dict[str, Any]) -> None:
        """Add the records of one process. data: the content of its file."""
        clock = data["clock"]
        until = max((woke for _, woke in data["lags"]), default=0.0)
        convert = SAME_CLOCK if clock is None else conversion([Comparison(*each) for each in clock], until)
        lags = [(convert(due), convert(woke)) for due, woke in data["lags"]]
        for press in data["presses"]:
            for at in ("intended", "answered", "cancel_sent", "cancel_answered"):
                press[at] = convert(press[at])
            self.presses.append(Press(**press))
        for connection in data["connections"]:
            for at in ("requested", "opened", "closed"):
                connection[at] = convert(connection[at])
            paints = [(convert(at), seq, till) for at, seq, till in connection.pop("paints")]
            calls = [ShownCall(**each) for each in connection.pop("calls", [])]
            for call in calls:
                call.shown, call.ends, call.removed = convert(call.shown), convert(call.ends), convert(call.removed)
            self.connections.append(ConnectionRecord(**{**connection, "process": process}, paints=paints, calls=calls))
        self.lags += lags
        for own in data["read_delays"]:
            self.read_delays.append([(convert(end), convert(begin), convert(since)) for end, begin, since in own])
        screens = len({each["screen"] for each in data["connections"]})
        self.generators.append(Generator(data["name"], screens, len(data["presses"]), lags, convert))


def absences(connections: Iterable[ConnectionRecord]) -> Iterator[tuple[float, float]]:
    """Yield (begin, end) of the absence of a screen after each connection that was lost.

    The absence begins when the connection ends, and ends at the next paint of the same screen. It ends at infinity if
    there is no such paint. Connections that the load test itself closed are left out.
    """
    by_screen: dict[str, list[ConnectionRecord]] = defaultdict(list)
    for connection in connections:
        by_screen[connection.screen].append(connection)
    for own in by_screen.values():
        for number, lost in enumerate(own):
            if lost.code:
                back = [later.paints[0][0] for later in own[number + 1 :] if later.paints]
                yield lost.closed, min(back, default=inf)


def seconds_away(connections: Iterable[ConnectionRecord]) -> Iterator[float]:
    """Yield, for each connection that was lost, the seconds from its end to the next paint of the same screen.

    The value is infinity if there is no such paint. Connections that the load test itself closed are left out.
    """
    for begin, end in absences(connections):
        yield end - begin


def end_at_kill(connection: ConnectionRecord, faults: Iterable[InjectedFault]) -> ConnectionRecord:
    """Return a connection's record. If a fault broke the connection, the record ends when the fault began.

    The screens notice the kill of a replica only some time later, because a replica holds thousands of connections.
    """
    if connection.code != 1006:
        return connection
    killed = [
        fault.begin
        for fault in faults
        if fault.cost.disconnects
        and fault.affects(connection.parts)
        and connection.opened <= fault.begin <= connection.closed < fault.begin + KILL_NOTICE_SECONDS
    ]
    return replace(connection, closed=killed[0]) if killed else connection
