"""The ledger compares what each screen has shown with what it should have shown.

A call must be shown by every screen of its store that is connected: first the screen shows the number, and later it
removes the number. The ledger says that the number is owed to the screen. If a number is missing, doubled, out of
order, or shown too short or too long, this is a fault. Each fault has a kind.

Only the times of a screen's connections decide which numbers are owed to the screen. While the screen is not connected,
no number is owed. If the screen connects during a call, the number of this call is not owed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from loadtests.measure.percentiles import TimedValue
from loadtests.measure.read_delays import ReadDelay, longest_delay_at
from loadtests.measure.records import ConnectionRecord, Press, Records, end_at_kill

NEVER_SHOWN = "never shown"
NEVER_TAKEN_DOWN = "never taken down"
SHOWN_TWICE = "shown twice"
OUT_OF_ORDER = "out of order"
CUT_SHORT = "cut short"
HELD_TOO_LONG = "held too long"
NEVER_CALLED = "never called"
KINDS = (NEVER_SHOWN, NEVER_TAKEN_DOWN, SHOWN_TWICE, OUT_OF_ORDER, CUT_SHORT, HELD_TOO_LONG, NEVER_CALLED)

TIMEOUT_SECONDS = 10.0
"""A number counts as missing if it is not shown, or not removed, within this time after it was due.

In the statistics of delays, a missing number has this time as its delay."""
SHORT_SECONDS = 0.1
"""A hold that is too short by at most this time is not a fault.

The hold may look a little too short, because its begin and its end may reach the load generator with different delays.
If the generator read the begin late, this read delay is also permitted. For example, a number that is read 0.2 s late
has been shown for 0.2 s already."""
LONG_SECONDS = 1.0
"""A hold that is too long by at most this time is not a fault.

If the load generator read the end of the hold late, this read delay is also permitted."""
EDGE_SECONDS = 0.5
"""A screen must show a call only if the screen's connection stays open until this long after the call's end.

A screen that disconnects at the call's end may not have received the removal of the number."""
UNKNOWN_SECONDS = 70.0
"""A number may appear at most this long after a press that received no answer.

The time is long, because the press may have made a call that is queued behind many others."""
CALL_OUTCOMES = {"called", "waits", "stays up"}
"""The outcomes in the receipts of presses that create a call.

If a call of the same till is queued already, a press creates no call."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a screen: it did not show what it should have shown, or it showed what it should not have shown.

    at: when the fault was noticed, in seconds of time.monotonic().
    late: seconds by which the hold was too long (positive) or too short (negative). It is 0 for other kinds of faults.
    """

    kind: str
    store: str
    seq: int
    screen: str
    at: float
    late: float = 0.0


@dataclass(slots=True)
class Account:
    """The result of the ledger: which numbers were owed to the screens, the faults, and the delays of the numbers.

    owed: how many numbers were owed. Each call counts once for each screen.
    shown: a pair for each of these numbers: when its press was due, and the seconds from the planned begin of the call
    until the screen showed the number.
    reset: a pair for each number shown: when its press was due, and the seconds from the end of the hold to the
    removal.
    misread: how many holds look too short or too long, perhaps only because the load generator read them late.
    """

    owed: int = 0
    faults: list[Fault] = field(default_factory=list)
    shown: list[TimedValue] = field(default_factory=list)
    reset: list[TimedValue] = field(default_factory=list)
    misread: int = 0

    def __iadd__(self, other: "Account") -> "Account":
        self.owed += other.owed
        self.faults += other.faults
        self.shown += other.shown
        self.reset += other.reset
        self.misread += other.misread
        return self


class StoreCalls:
    """The calls of a store, in the order of their presses.

    After Redis has lost its data, seq counts from 1 again. Therefore a seq alone does not identify a call.
    """

    def __init__(self, presses: Iterable[Press], hold: float) -> None:
        self.hold = hold
        self.in_order: list[Press] = []
        self._by_seq: dict[int, list[int]] = defaultdict(list)
        self._unanswered: list[Press] = []
        for press in sorted(presses, key=lambda press: press.intended):
            if press.seq and press.outcome in CALL_OUTCOMES:
                self._by_seq[press.seq].append(len(self.in_order))
                self.in_order.append(press)
            elif not press.status or press.status >= 500:
                self._unanswered.append(press)

    def find(self, at: float, seq: int, till: int) -> int | None:
        """Return which call a paint shows, as an index of the list `in_order`; None if no call matches the paint.

        at: the time of the paint. seq, till: the seq and the till that the paint shows.
        """
        for index in reversed(self._by_seq[seq]):
            call = self.in_order[index]
            if call.till == till and call.intended <= at:
                return index
        return None

    def may_have_been_called(self, at: float, till: int) -> bool:
        """Return whether a press without an answer may have caused a number that a screen showed.

        at: when the screen showed the number.
        """
        return any(
            press.till == till and press.intended <= at <= press.intended + UNKNOWN_SECONDS
            for press in self._unanswered
        )


def balance(records: Records, hold: float, kills: Iterable[float] = ()) -> Account:
    """Return the result of the ledger for all screens together: the numbers that were owed, and the faults.

    hold: for how many seconds each number should be shown. kills: when replicas were killed. A kill also ends the
    connections of the replica.
    """
    presses: dict[str, list[Press]] = defaultdict(list)
    for press in records.presses:
        presses[press.store].append(press)
    calls = {store: StoreCalls(made, hold) for store, made in presses.items()}
    account = Account()
    for connection in (end_at_kill(each, kills) for each in records.connections):
        own = balance_connection(connection, calls.get(connection.store) or StoreCalls([], hold))
        read_delays = records.read_delays[connection.process]
        certain = [fault for fault in own.faults if not may_be_misread(fault, read_delays, hold)]
        account += replace(own, faults=certain, misread=len(own.faults) - len(certain))
    return account


def may_be_misread(fault: Fault, read_delays: Sequence[ReadDelay], hold: float) -> bool:
    """Return whether a hold may look wrong only because the load generator read its begin or its end late.

    A hold looks too short if its begin was read late, and too long if its end was read late.
    """
    if fault.kind == CUT_SHORT:
        return -fault.late <= SHORT_SECONDS + longest_delay_at(read_delays, fault.at - fault.late - hold)
    return fault.kind == HELD_TOO_LONG and fault.late <= LONG_SECONDS + longest_delay_at(read_delays, fault.at)


def balance_connection(connection: ConnectionRecord, calls: StoreCalls) -> Account:
    """Return the result of the ledger for one connection: the numbers that were owed on it, and its faults."""
    account = Account()

    def add_fault(kind: str, seq: int, at: float, late: float = 0.0) -> None:
        account.faults.append(Fault(kind, connection.store, seq, connection.screen, at, late))

    newest = -1
    # Maps the index of each call to the index of the first paint that showed the call.
    paint_of_call: dict[int, int] = {}
    # Maps the index of each paint of a number to the seq of the paint. When the ledger judges an owed call, it removes
    # the paint of this call from the map.
    unaccounted: dict[int, int] = {}
    for index, (at, seq, till) in enumerate(connection.paints):
        if not till:
            continue
        unaccounted[index] = seq
        call_index = calls.find(at, seq, till)
        if call_index is None:
            if not calls.may_have_been_called(at, till):
                add_fault(NEVER_CALLED, seq, at)
        elif call_index in paint_of_call:
            add_fault(SHOWN_TWICE, seq, at)
        else:
            paint_of_call[call_index] = index
            if call_index < newest:
                add_fault(OUT_OF_ORDER, seq, at)
            newest = max(newest, call_index)
    # The ledger regards a screen as connected from its first paint, and not from the answer to its handshake. When
    # thousands of screens reconnect, a second may pass between these two moments. During this second the page says that
    # it is connecting, and `seconds_away` also regards the screen as away.
    begun = connection.paints[0][0] if connection.paints else inf
    for call_index, call in enumerate(calls.in_order):
        expected, latest = call.intended + call.starts_in, call.answered + call.starts_in
        if not (begun < expected and latest + calls.hold + LONG_SECONDS + EDGE_SECONDS < connection.closed):
            continue
        account.owed += 1
        unaccounted.pop(paint_of_call.get(call_index, -1), None)
        account += balance_call(connection, call, paint_of_call.get(call_index), calls.hold)
    # Even a number that was not owed must be removed. For example, a screen may show the number of a call during which
    # it has connected.
    for index, seq in unaccounted.items():
        shown, removed = connection.paints[index][0], min(removed_at(connection, index), connection.closed)
        if removed - shown >= calls.hold + TIMEOUT_SECONDS:
            add_fault(NEVER_TAKEN_DOWN, seq, shown + calls.hold + TIMEOUT_SECONDS)
        elif removed - shown > calls.hold + LONG_SECONDS:
            add_fault(HELD_TOO_LONG, seq, removed, removed - shown - calls.hold)
    return account


def removed_at(connection: ConnectionRecord, index: int) -> float:
    """Return when the screen removed or replaced the number of a paint; infinity if this never happened.

    index: the index of the paint.
    """
    shown = connection.paints[index][1:]
    return next((at for at, *later in connection.paints[index + 1 :] if tuple(later) != shown), inf)


def balance_call(connection: ConnectionRecord, call: Press, index: int | None, hold: float) -> Account:
    """Return the result of the ledger for one call that was owed on one connection: its delays and its faults.

    index: the index of the paint that showed the call; None if no paint showed it. hold: seconds for which the number
    should be shown.
    """
    account = Account()
    expected = call.intended + call.starts_in
    if index is None or connection.paints[index][0] - expected > TIMEOUT_SECONDS:
        missed = Fault(NEVER_SHOWN, connection.store, call.seq, connection.screen, expected + TIMEOUT_SECONDS)
        account.faults.append(missed)
        account.shown.append((call.intended, TIMEOUT_SECONDS))
        return account
    shown = connection.paints[index][0]
    account.shown.append((call.intended, shown - expected))
    late = min(removed_at(connection, index) - shown - hold, TIMEOUT_SECONDS)
    account.reset.append((call.intended, late))
    kind = ""
    if late >= TIMEOUT_SECONDS:
        kind = NEVER_TAKEN_DOWN
    elif late > LONG_SECONDS:
        kind = HELD_TOO_LONG
    elif late < -SHORT_SECONDS:
        kind = CUT_SHORT
    if kind:
        account.faults.append(Fault(kind, connection.store, call.seq, connection.screen, shown + hold + late, late))
    return account
