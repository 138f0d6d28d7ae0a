"""The ledger: for every call and every screen of its store that was connected, a number and its end are owed.

Whatever is missing, doubled, out of order, too short or too long is a fault of its own kind. What a screen owed when it
was not connected, or came in the middle of a call, is told apart by the times of its connections alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from loadtests.measure.read_delays import Stretch, late_by
from loadtests.measure.records import Press, Records, Stay, until_killed

NEVER_SHOWN = "never shown"
NEVER_TAKEN_DOWN = "never taken down"
SHOWN_TWICE = "shown twice"
OUT_OF_ORDER = "out of order"
CUT_SHORT = "cut short"
HELD_TOO_LONG = "held too long"
NEVER_CALLED = "never called"
KINDS = (NEVER_SHOWN, NEVER_TAKEN_DOWN, SHOWN_TWICE, OUT_OF_ORDER, CUT_SHORT, HELD_TOO_LONG, NEVER_CALLED)

TIMEOUT_SECONDS = 10.0
"""A number that has not come, or not gone, this long after it was due never will; and it counts as this late."""
SHORT_SECONDS = 0.1
"""By so much a hold may be shorter, because both ends of it come through everything between a replica and here; and by
what is known to have been read late: a number that was read 0.2 s late had been up for 0.2 s already."""
LONG_SECONDS = 1.0
EDGE_SECONDS = 0.5
"""Nothing is owed that had to happen this close to a connection's end."""
UNKNOWN_SECONDS = 70.0
"""A press without an answer may lead to a number for so long: a full queue is before it."""
CALLS = {"called", "waits", "stays up"}
"""Outcomes of presses that are calls of their own; one that waits already is not."""


@dataclass(frozen=True, slots=True)
class Fault:
    """at: when it was noticed, in seconds of time.monotonic(). late: seconds that the hold was too long, or short."""

    kind: str
    store: str
    seq: int
    screen: str
    at: float
    late: float = 0.0


@dataclass(slots=True)
class Account:
    """What was owed and what came of it.

    shown: (when the press was intended, seconds from there to the number) of each call on each screen.
    reset: (the same, seconds from the number to what came after it, less the hold).
    misread: numbers that look cut short or held too long, but were read late by the generator.
    """

    owed: int = 0
    faults: list[Fault] = field(default_factory=list)
    shown: list[tuple[float, float]] = field(default_factory=list)
    reset: list[tuple[float, float]] = field(default_factory=list)
    misread: int = 0

    def __iadd__(self, other: "Account") -> "Account":
        self.owed += other.owed
        self.faults += other.faults
        self.shown += other.shown
        self.reset += other.reset
        self.misread += other.misread
        return self


class Calls:
    """A store's calls in their order. A Redis that comes back empty counts from 1 again, so seq alone is no name."""

    def __init__(self, presses: Iterable[Press], hold: float) -> None:
        self.hold = hold
        self.in_order: list[Press] = []
        self._by_seq: dict[int, list[int]] = defaultdict(list)
        self._unknown: list[Press] = []
        for press in sorted(presses, key=lambda press: press.intended):
            if press.seq and press.outcome in CALLS:
                self._by_seq[press.seq].append(len(self.in_order))
                self.in_order.append(press)
            elif not press.status or press.status >= 500:
                self._unknown.append(press)

    def find(self, at: float, seq: int, till: int) -> int | None:
        """Place of the call that was shown at a time; None if there is none."""
        for place in reversed(self._by_seq[seq]):
            call = self.in_order[place]
            if call.till == till and call.intended <= at:
                return place
        return None

    def may_have_been_called(self, at: float, till: int) -> bool:
        """Whether a press without an answer may have led to a number that nobody was told of."""
        return any(
            press.till == till and press.intended <= at <= press.intended + UNKNOWN_SECONDS for press in self._unknown
        )


def balance(records: Records, hold: float, kills: Iterable[float] = ()) -> Account:
    """All that was owed by all screens. kills: when something was killed that held connections."""
    presses: dict[str, list[Press]] = defaultdict(list)
    for press in records.presses:
        presses[press.store].append(press)
    calls = {store: Calls(made, hold) for store, made in presses.items()}
    account = Account()
    for stay in (until_killed(each, kills) for each in records.stays):
        owed = of_stay(stay, calls.get(stay.store) or Calls([], hold))
        found = [fault for fault in owed.faults if not misread(fault, records.stretches[stay.process], hold)]
        account += replace(owed, faults=found, misread=len(owed.faults) - len(found))
    return account


def misread(fault: Fault, stretches: Sequence[Stretch], hold: float) -> bool:
    """Whether a hold may only look too short, or too long, because its begin, or end, was read late."""
    if fault.kind == CUT_SHORT:
        return -fault.late <= SHORT_SECONDS + late_by(stretches, fault.at - fault.late - hold)
    return fault.kind == HELD_TOO_LONG and fault.late <= LONG_SECONDS + late_by(stretches, fault.at)


def of_stay(stay: Stay, calls: Calls) -> Account:
    """What one connection owed."""
    account = Account()

    def fault(kind: str, seq: int, at: float, late: float = 0.0) -> None:
        account.faults.append(Fault(kind, stay.store, seq, stay.screen, at, late))

    newest, found = -1, {}
    numbers = {}  # index of each number's paint -> seq
    for index, (at, seq, till) in enumerate(stay.paints):
        if not till:
            continue
        numbers[index] = seq
        place = calls.find(at, seq, till)
        if place is None:
            if not calls.may_have_been_called(at, till):
                fault(NEVER_CALLED, seq, at)
        elif place in found:
            fault(SHOWN_TWICE, seq, at)
        else:
            found[place] = index
            if place < newest:
                fault(OUT_OF_ORDER, seq, at)
            newest = max(newest, place)
    # In a crowd that comes back, a screen may have its handshake's answer a second before it is painted; until then
    # its page says that it is connecting, and `away` counts it.
    begun = stay.paints[0][0] if stay.paints else inf
    for place, call in enumerate(calls.in_order):
        asked, due = call.intended + call.starts_in, call.answered + call.starts_in
        if not (begun < asked and due + calls.hold + LONG_SECONDS + EDGE_SECONDS < stay.closed):
            continue
        account.owed += 1
        numbers.pop(found.get(place, -1), None)
        account += of_call(stay, call, found.get(place), calls.hold)
    # Owed or not, for instance because the screen came in the middle of it: what is up must go.
    for index, seq in numbers.items():
        shown, gone = stay.paints[index][0], min(gone_at(stay, index), stay.closed)
        if gone - shown >= calls.hold + TIMEOUT_SECONDS:
            fault(NEVER_TAKEN_DOWN, seq, shown + calls.hold + TIMEOUT_SECONDS)
        elif gone - shown > calls.hold + LONG_SECONDS:
            fault(HELD_TOO_LONG, seq, gone, gone - shown - calls.hold)
    return account


def gone_at(stay: Stay, index: int) -> float:
    """When the number of this paint was replaced by anything else; inf: it was not."""
    shown = stay.paints[index][1:]
    return next((at for at, *later in stay.paints[index + 1 :] if tuple(later) != shown), inf)


def of_call(stay: Stay, call: Press, index: int | None, hold: float) -> Account:
    """What one connection owed of one call; index: of the paint that showed it."""
    account = Account()
    asked = call.intended + call.starts_in
    if index is None or stay.paints[index][0] - asked > TIMEOUT_SECONDS:
        account.faults.append(Fault(NEVER_SHOWN, stay.store, call.seq, stay.screen, asked + TIMEOUT_SECONDS))
        account.shown.append((call.intended, TIMEOUT_SECONDS))
        return account
    shown = stay.paints[index][0]
    account.shown.append((call.intended, shown - asked))
    gone = gone_at(stay, index)
    late = min(gone - shown - hold, TIMEOUT_SECONDS)
    account.reset.append((call.intended, late))
    kind = ""
    if late >= TIMEOUT_SECONDS:
        kind = NEVER_TAKEN_DOWN
    elif late > LONG_SECONDS:
        kind = HELD_TOO_LONG
    elif late < -SHORT_SECONDS:
        kind = CUT_SHORT
    if kind:
        account.faults.append(Fault(kind, stay.store, call.seq, stay.screen, shown + hold + late, late))
    return account
