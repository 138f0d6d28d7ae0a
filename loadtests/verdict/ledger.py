"""The ledger compares what each screen has shown with what it should have shown.

A call must be shown by every screen of its store that is connected: first the screen shows the number, and later it
removes the number. The ledger says that the number is owed to the screen. If a number is missing, doubled, out of
order, or shown too short or too long, this is a fault. Each fault has a kind.

The times of a screen's connections decide which numbers are owed to the screen. While the screen is not connected, no
number is owed. If the screen connects during a call, the number of this call is not owed. If faults are injected, some
numbers are not owed because of the costs of these faults. `excuses.py` knows these costs.
"""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from loadtests.measure.injected_fault import InjectedFault
from loadtests.measure.percentiles import TimedValue
from loadtests.measure.read_delays import ReadDelay, longest_delay_at
from loadtests.measure.records import ConnectionRecord, Press, Records, end_at_kill
from loadtests.verdict.excuses import Excuses

NEVER_SHOWN = "never shown"
NEVER_TAKEN_DOWN = "never taken down"
SHOWN_TWICE = "shown twice"
OUT_OF_ORDER = "out of order"
CUT_SHORT = "cut short"
HELD_TOO_LONG = "held too long"
NEVER_CALLED = "never called"
SHOWN_PAST_END = "shown past its end"
SHOWN_THOUGH_CANCELLED = "shown though cancelled"
KINDS = (
    *(NEVER_SHOWN, NEVER_TAKEN_DOWN, SHOWN_TWICE, OUT_OF_ORDER, CUT_SHORT, HELD_TOO_LONG, NEVER_CALLED),
    *(SHOWN_PAST_END, SHOWN_THOUGH_CANCELLED),
)

TIMEOUT_SECONDS = 10.0
"""A number counts as missing if it is not shown, or not removed, within this time after it was due.

In the statistics of delays, a missing number has this time as its delay."""
SHORT_SECONDS = 0.1
"""A hold that is too short by at most this time is not a fault.

The hold may look a little too short, because its begin and its end may reach the load generator with different delays.
If the generator read the begin late, this read delay is also permitted. For example, a number that is read 0.2 s late
has been shown for 0.2 s already."""
LAG_SECONDS, LAG_NEAR_SECONDS = 2.0, 0.2
"""Two limits that say whether a late wake-up of the load generator explains that it read a message late.

The wake-up must have been due at most LAG_SECONDS before the message was read. It must have happened at most
LAG_NEAR_SECONDS before the message was read, or after it."""
LONG_SECONDS = 1.0
"""A hold that is too long by at most this time is not a fault.

If the load generator read the end of the hold late, this read delay is also permitted."""
EDGE_SECONDS = 0.5
"""A screen must show a call only if the screen's connection stays open until this long after the call's end.

A screen that disconnects at the call's end may not have received the removal of the number."""
GRACE_SECONDS = LONG_SECONDS + EDGE_SECONDS
"""A call is owed to a screen only if the screen stays connected until this long after the end of the call."""
UNKNOWN_SECONDS = 70.0
"""A number may appear at most this long after a press that received no answer.

The time is long, because the press may have made a call that is queued behind many others."""
CANNOT_CANCEL = 409
"""The HTTP status if a call cannot be cancelled, because it has begun or because Redis does not know it."""
CALL_OUTCOMES = {"called", "waits", "stays up"}
"""The outcomes in the receipts of presses that create a call.

If a call of the same till is queued already, a press creates no call."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a screen: it did not show what it should have shown, or it showed what it should not have shown.

    at: when the fault was noticed, in seconds of time.monotonic().
    late: for a hold that was too long, the extra seconds. For a hold that was too short, the missing seconds as a
    negative number. For a number that was shown past the end of its call, the seconds from this end to the removal.
    For other kinds of faults, 0.
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
    painted, cleared: the same pairs for the screens in real browsers. `shown` and `reset` do not contain them, because
    a browser also needs time to paint.
    misread: how many holds look too short or too long, perhaps only because the load generator read them late.
    """

    owed: int = 0
    faults: list[Fault] = field(default_factory=list)
    shown: list[TimedValue] = field(default_factory=list)
    reset: list[TimedValue] = field(default_factory=list)
    painted: list[TimedValue] = field(default_factory=list)
    cleared: list[TimedValue] = field(default_factory=list)
    misread: int = 0

    def __iadd__(self, other: "Account") -> "Account":
        self.owed += other.owed
        self.faults += other.faults
        self.shown += other.shown
        self.reset += other.reset
        self.painted += other.painted
        self.cleared += other.cleared
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

    def earliest_begin(self, call: Press) -> float:
        """Return the earliest time at which the call may begin.

        The call begins one hold earlier for each call before it in the queue that is cancelled.
        """
        due = call.intended + call.starts_in
        cancelled = sum(
            call.intended < other.cancel_sent < due and other.cancel_status != CANNOT_CANCEL and other.seq < call.seq
            for other in self.in_order
        )
        return max(due - cancelled * self.hold, call.intended)

    def latest_end(self, call: Press) -> float:
        """Return the latest time at which the call may end."""
        return call.answered + call.starts_in + self.hold

    def may_have_been_called(self, at: float, till: int) -> bool:
        """Return whether a press without an answer may have caused a number that a screen showed.

        at: when the screen showed the number.
        """
        return any(
            press.till == till and press.intended <= at <= press.intended + UNKNOWN_SECONDS
            for press in self._unanswered
        )


def balance(records: Records, hold: float, faults: Sequence[InjectedFault] = ()) -> Account:
    """Return the result of the ledger for all screens together: the numbers that were owed, and the faults.

    hold: for how many seconds each number should be shown. faults: the faults that were injected.
    """
    presses: dict[str, list[Press]] = defaultdict(list)
    for press in records.presses:
        presses[press.store].append(press)
    calls = {store: StoreCalls(made, hold) for store, made in presses.items()}
    account, lags = Account(), sorted(records.lags) if faults else []
    for connection in (end_at_kill(each, faults) for each in records.connections):
        excuses = Excuses(connection, faults)
        own = balance_connection(connection, calls.get(connection.store) or StoreCalls([], hold), excuses)
        read_delays = records.read_delays[connection.process]
        certain = [fault for fault in own.faults if not may_be_misread(fault, read_delays, lags, hold)]
        own = replace(own, faults=certain, misread=len(own.faults) - len(certain))
        if connection.in_browser:
            own = replace(own, painted=own.shown, cleared=own.reset, shown=[], reset=[])
        account += own
    return account


def may_be_misread(
    fault: Fault, read_delays: Sequence[ReadDelay], lags: Sequence[tuple[float, float]], hold: float
) -> bool:
    """Return whether a hold may look wrong only because the load generator read its begin or its end late.

    A hold looks too short if its begin was read late, and too long if its end was read late.
    lags: the wake-ups of all processes of the load generator; empty if no faults were injected. After a fault, a
    process that starts again uses much CPU time. Nginx and the load generator then have to wait for the CPU. The
    lateness of Nginx is not measured. The ledger assumes that Nginx was as late as the wake-ups of the load generator.
    """
    if fault.kind == CUT_SHORT:
        shown = fault.at - fault.late - hold
        return -fault.late <= SHORT_SECONDS + max(longest_delay_at(read_delays, shown), longest_lag_at(lags, shown))
    # The load generator may only have read the removal late. For some calls, a fault permits a later removal than
    # LONG_SECONDS. This check does not know that, and so it is stricter than necessary for these calls.
    delay = max(longest_delay_at(read_delays, fault.at), longest_lag_at(lags, fault.at))
    read_late = fault.late <= LONG_SECONDS + delay
    return fault.kind in {HELD_TOO_LONG, SHOWN_PAST_END} and read_late


def longest_lag_at(lags: Sequence[tuple[float, float]], at: float) -> float:
    """Return the longest lag, in seconds, of the wake-ups that may have delayed a message that was read at `at`.

    lags: (when a process should have woken up, when it woke up) of each wake-up, in ascending order.
    """
    near = lags[bisect(lags, (at - LAG_SECONDS, 0.0)) : bisect(lags, (at, inf))]
    return max((woke - due for due, woke in near if woke >= at - LAG_NEAR_SECONDS), default=0.0)


def balance_connection(connection: ConnectionRecord, calls: StoreCalls, excuses: Excuses) -> Account:
    """Return the result of the ledger for one connection: the numbers that were owed on it, and its faults.

    excuses: what the injected faults excuse on this connection.
    """
    return ConnectionBalance(connection, calls, excuses).account


class ConnectionBalance:
    """Compares the paints of one connection with the calls of its store. `account` is the result."""

    def __init__(self, connection: ConnectionRecord, calls: StoreCalls, excuses: Excuses) -> None:
        self.account = Account()
        self._connection, self._calls, self._excuses = connection, calls, excuses
        self._paint_of_call: dict[int, int] = {}
        """Maps the index of each call to the index of the first paint that showed the call."""
        self._unaccounted: dict[int, int] = {}
        """Maps the index of each paint of a number to the seq of the paint.

        When the ledger judges an owed call, it removes the paint of this call from the map."""
        # The ledger regards a screen as connected from its first paint, and not from the answer to its handshake. When
        # thousands of screens reconnect, a second may pass between these two moments. During this second the page says
        # that it is connecting, and `seconds_away` also regards the screen as away.
        self._begun = connection.paints[0][0] if connection.paints else inf
        self._match_paints()
        for call_index, call in enumerate(calls.in_order):
            self._judge_call(call, self._paint_of_call.get(call_index))
        self._judge_removals()
        self._judge_ends()

    def _add_fault(self, kind: str, seq: int, at: float, late: float = 0.0) -> None:
        self.account.faults.append(Fault(kind, self._connection.store, seq, self._connection.screen, at, late))

    def _match_paints(self) -> None:
        """Find the call of each paint."""
        before: Press | None = None
        for index, (at, seq, till) in enumerate(self._connection.paints):
            if not till:
                continue
            self._unaccounted[index] = seq
            call_index = self._calls.find(at, seq, till)
            if call_index is None:
                if not self._calls.may_have_been_called(at, till):
                    self._add_fault(NEVER_CALLED, seq, at)
            elif call_index in self._paint_of_call:
                self._add_fault(SHOWN_TWICE, seq, at)
            else:
                self._paint_of_call[call_index] = index
                call = self._calls.in_order[call_index]
                if before and was_made_before(call, before, self._excuses.losses):
                    self._add_fault(OUT_OF_ORDER, seq, at)
                before = call

    def _judge_call(self, call: Press, index: int | None) -> None:
        """Judge a call, if it is owed. index: the index of the paint that showed the call; None if no paint did."""
        end = self._calls.latest_end(call) + GRACE_SECONDS
        if call.cancel_sent and call.cancel_status != CANNOT_CANCEL:
            # The call was cancelled, or the answer to the cancellation does not say so for certain. Therefore no screen
            # must show the call.
            if index is not None and self._excuses.knew_of_cancel(call, self._connection.paints[index][0]):
                self._add_fault(SHOWN_THOUGH_CANCELLED, call.seq, self._connection.paints[index][0])
            return
        begin = self._calls.earliest_begin(call)
        if not (self._begun < begin and end < self._connection.closed):
            return
        if self._excuses.may_miss(call, begin, end):
            return
        self.account.owed += 1
        if index is not None:
            self._unaccounted.pop(index, None)
        slack = self._excuses.slack(call.intended, end)
        self.account += balance_call(self._connection, call, index, self._calls.hold, slack)

    def _judge_removals(self) -> None:
        """Judge how long the numbers that were not owed were shown.

        Even a number that was not owed must be removed in time. For example, a screen that connected during a call may
        show the number of this call. A number is not judged if a fault may have kept its removal from the screen. In
        this case a real screen removes the number by itself.
        """
        hold = self._calls.hold
        for index, seq in self._unaccounted.items():
            shown, removed = self._shown_and_removed(index)
            if self._excuses.may_miss_frames(shown, min(removed, shown + hold + GRACE_SECONDS)):
                continue
            if removed - shown >= hold + TIMEOUT_SECONDS:
                self._add_fault(NEVER_TAKEN_DOWN, seq, shown + hold + TIMEOUT_SECONDS)
            elif removed - shown > hold + LONG_SECONDS:
                self._add_fault(HELD_TOO_LONG, seq, removed, removed - shown - hold)

    def _judge_ends(self) -> None:
        """Judge whether each number was removed at the end of its call, even if the screen began to show it late."""
        faulty = {fault.seq for fault in self.account.faults}
        for call_index, index in self._paint_of_call.items():
            call = self._calls.in_order[call_index]
            shown, removed = self._shown_and_removed(index)
            late = removed - self._calls.latest_end(call)
            if call.seq in faulty or late <= LONG_SECONDS + self._excuses.delay(call, removed):
                continue
            if not self._excuses.may_miss_frames(shown, removed):
                self._add_fault(SHOWN_PAST_END, call.seq, removed, late)

    def _shown_and_removed(self, index: int) -> tuple[float, float]:
        """Return when a paint showed its number, and when the number was removed or the connection ended."""
        return self._connection.paints[index][0], min(removed_at(self._connection, index), self._connection.closed)


def was_made_before(call: Press, other: Press, losses: Iterable[float]) -> bool:
    """Return whether `call` was certainly made before `other`.

    If both presses were under way at the same time, the smaller seq was made first. losses: the times at which Redis
    lost its data. After each loss, seq counts from 1 again.
    """
    if call.answered <= other.intended or other.answered <= call.intended:
        return call.answered <= other.intended
    begin, end = min(call.intended, other.intended), max(call.answered, other.answered)
    return call.seq < other.seq and not any(begin <= lost <= end for lost in losses)


def removed_at(connection: ConnectionRecord, index: int) -> float:
    """Return when the screen removed or replaced the number of a paint; infinity if this never happened.

    index: the index of the paint.
    """
    shown = connection.paints[index][1:]
    return next((at for at, *later in connection.paints[index + 1 :] if tuple(later) != shown), inf)


def balance_call(connection: ConnectionRecord, call: Press, index: int | None, hold: float, slack: float) -> Account:
    """Return the result of the ledger for one call that was owed on one connection: its delays and its faults.

    index: the index of the paint that showed the call; None if no paint showed it. hold: seconds for which the number
    should be shown. slack: seconds by which the hold may be even shorter or longer than without faults.
    """
    account = Account()
    expected = call.intended + call.starts_in
    # If the press was answered late, Redis may have scheduled the call late. `latest` is the latest time at which the
    # call then begins.
    latest = call.answered + call.starts_in
    if index is None or connection.paints[index][0] - latest > TIMEOUT_SECONDS:
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
    elif late > LONG_SECONDS + slack:
        kind = HELD_TOO_LONG
    elif late < -SHORT_SECONDS - slack:
        kind = CUT_SHORT
    if kind:
        account.faults.append(Fault(kind, connection.store, call.seq, connection.screen, shown + hold + late, late))
    return account
