"""The ledger: every call owes a number, and the end of that number, to every screen of its store that was connected.

Whatever is missing, doubled, out of order, too short or too long is a fault of its own kind. Only the times of a
screen's connections decide what the screen was owed: nothing while it was not connected, and no number of a call that
had begun before it connected.
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
"""A number that is not shown, or not removed, this long after it was due counts as missing, with this latency."""
SHORT_SECONDS = 0.1
"""Tolerance for a hold that is too short. Its begin and its end may reach the generator with different delays.

The delay with which the generator read the begin is added: a number that was read 0.2 s late had been shown for 0.2 s
already."""
LONG_SECONDS = 1.0
"""Tolerance for a hold that is too long. The delay with which the generator read its end is added."""
EDGE_SECONDS = 0.5
"""A number that was due less than this before the end of a connection is not owed."""
UNKNOWN_SECONDS = 70.0
"""For this long, a press that got no answer may still make a number appear: its call may wait behind a full queue."""
CALL_OUTCOMES = {"called", "waits", "stays up"}
"""Outcomes of presses that create a call. A press of a till that is queued already creates none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a screen was owed and did not get, or got and was not owed.

    at: when the fault was noticed, in seconds of time.monotonic(). late: seconds by which the hold was too long
    (positive) or too short (negative).
    """

    kind: str
    store: str
    seq: int
    screen: str
    at: float
    late: float = 0.0


@dataclass(slots=True)
class Account:
    """What was owed, what was not delivered, and how long everything took.

    owed: numbers that were owed, one for each call and screen.
    shown: (when the press was intended, seconds from the press, or from its turn, to the number), one for each of them.
    reset: (when the press was intended, seconds from the end of the hold to the removal), one for each number shown.
    misread: numbers that look cut short or held too long, perhaps only because the generator read them late.
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
    """A store's calls, in their order.

    A Redis that lost its data counts from 1 again, so a seq alone does not identify a call.
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
        """Return the index in `in_order` of the call that was shown at a time; None if there is no such call."""
        for index in reversed(self._by_seq[seq]):
            call = self.in_order[index]
            if call.till == till and call.intended <= at:
                return index
        return None

    def may_have_been_called(self, at: float, till: int) -> bool:
        """Whether a press without an answer may have led to the number that was shown at a time."""
        return any(
            press.till == till and press.intended <= at <= press.intended + UNKNOWN_SECONDS
            for press in self._unanswered
        )


def balance(records: Records, hold: float, kills: Iterable[float] = ()) -> Account:
    """Return the account of all screens. kills: when a replica was killed, and with it the connections it held."""
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
    """Whether a hold may look too short only because its begin was read late, or too long because its end was."""
    if fault.kind == CUT_SHORT:
        return -fault.late <= SHORT_SECONDS + longest_delay_at(read_delays, fault.at - fault.late - hold)
    return fault.kind == HELD_TOO_LONG and fault.late <= LONG_SECONDS + longest_delay_at(read_delays, fault.at)


def balance_connection(connection: ConnectionRecord, calls: StoreCalls) -> Account:
    """Return the account of one connection."""
    account = Account()

    def add_fault(kind: str, seq: int, at: float, late: float = 0.0) -> None:
        account.faults.append(Fault(kind, connection.store, seq, connection.screen, at, late))

    newest = -1
    paint_of_call: dict[int, int] = {}  # index of the call -> index of the paint that showed it first
    unaccounted: dict[int, int] = {}  # index of the paint of a number -> seq
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
    # A connection counts from its first paint, not from the answer to its handshake: when thousands of screens
    # reconnect, a second may pass between the two. Until the paint, the page says that it is connecting, and
    # `seconds_away` counts the screen as away.
    begun = connection.paints[0][0] if connection.paints else inf
    for call_index, call in enumerate(calls.in_order):
        expected, latest = call.intended + call.starts_in, call.answered + call.starts_in
        if not (begun < expected and latest + calls.hold + LONG_SECONDS + EDGE_SECONDS < connection.closed):
            continue
        account.owed += 1
        unaccounted.pop(paint_of_call.get(call_index, -1), None)
        account += balance_call(connection, call, paint_of_call.get(call_index), calls.hold)
    # Every number must be removed, even one that was not owed, for instance because the screen connected during the
    # call.
    for index, seq in unaccounted.items():
        shown, removed = connection.paints[index][0], min(removed_at(connection, index), connection.closed)
        if removed - shown >= calls.hold + TIMEOUT_SECONDS:
            add_fault(NEVER_TAKEN_DOWN, seq, shown + calls.hold + TIMEOUT_SECONDS)
        elif removed - shown > calls.hold + LONG_SECONDS:
            add_fault(HELD_TOO_LONG, seq, removed, removed - shown - calls.hold)
    return account


def removed_at(connection: ConnectionRecord, index: int) -> float:
    """Return when the number of this paint was replaced by anything else; infinity if it was not."""
    shown = connection.paints[index][1:]
    return next((at for at, *later in connection.paints[index + 1 :] if tuple(later) != shown), inf)


def balance_call(connection: ConnectionRecord, call: Press, index: int | None, hold: float) -> Account:
    """Return the account of one call on one connection. index: of the paint that showed the call, None if none did."""
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
