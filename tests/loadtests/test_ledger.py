"""The ledger finds no fault in a correct run. If a run has faults, the ledger reports each fault with its kind."""

import pytest

from loadtests.measure.injected_fault import Cost, InjectedFault
from loadtests.measure.records import ConnectionRecord, Press, Records
from loadtests.verdict import ledger
from loadtests.verdict.ledger import balance

HOLD = 3.0


def press(at: float, seq: int, till: int = 4, starts_in: float = 0.0) -> Press:
    """Return a press that was due at the time `at` and was answered 10 ms later."""
    outcome = "waits" if starts_in else "called"
    return Press("s", till, at, at + 0.01, 204, seq, starts_in, outcome)


def connection(*paints: tuple[float, int, int], opened: float = 0.0, closed: float = 100.0) -> ConnectionRecord:
    return ConnectionRecord("screen", "s", opened, closed, 0, [(opened, 0, 0), *paints])


def kinds(presses: list[Press], *connections: ConnectionRecord) -> list[str]:
    return [fault.kind for fault in balance(Records(presses, list(connections)), HOLD).faults]


def test_a_call_that_is_shown_and_removed_in_time_is_measured_and_is_no_fault() -> None:
    account = balance(Records([press(10, 1)], [connection((10.02, 1, 4), (13.025, 1, 0))]), HOLD)

    assert account.faults == []
    assert account.owed == 1
    assert account.shown == [(10, pytest.approx(0.02))]
    assert account.reset == [(10, pytest.approx(0.005))]


def test_a_queued_call_is_due_when_its_turn_comes() -> None:
    presses = [press(10, 1), press(10.5, 2, till=2, starts_in=2.5)]
    account = balance(Records(presses, [connection((10.01, 1, 4), (13.01, 2, 2), (16.01, 2, 0))]), HOLD)

    assert account.faults == []
    assert [seconds for _, seconds in account.shown] == pytest.approx([0.01, 0.01])


def test_a_press_of_a_till_that_is_queued_already_creates_no_call() -> None:
    presses = [press(10, 1, till=2), press(10.1, 2, starts_in=2.9), press(10.2, 2, starts_in=2.8)]
    presses[2].outcome = "waits already"
    shown = connection((10.01, 1, 2), (13.01, 2, 4), (16.01, 2, 0))

    assert balance(Records(presses, [shown]), HOLD).owed == 2
    assert kinds(presses, shown) == []


def test_a_press_of_the_till_that_is_shown_creates_a_call_that_follows() -> None:
    again = press(10.2, 2, starts_in=2.8)
    again.outcome = "stays up"

    assert kinds([press(10, 1), again], connection((10.01, 1, 4), (13.01, 2, 4), (16.01, 2, 0))) == []
    assert kinds([press(10, 1), again], connection((10.01, 1, 4), (13.01, 1, 0))) == [ledger.NEVER_SHOWN]


def test_a_press_in_another_store_owes_this_screen_nothing() -> None:
    other = press(10, 1)
    other.store = "elsewhere"

    assert balance(Records([other], [connection()]), HOLD).owed == 0


@pytest.mark.parametrize(
    ("opened", "closed"),
    [(10.1, 100.0), (0.0, 12.0), (0.0, 13.5)],
    ids=["connected during the call", "disconnected during the call", "disconnected just after the call"],
)
def test_nothing_is_owed_to_a_screen_that_was_not_connected_during_the_whole_call(opened, closed) -> None:
    assert balance(Records([press(10, 1)], [connection(opened=opened, closed=closed)]), HOLD).owed == 0


def test_nothing_is_owed_to_a_screen_that_connected_before_a_call_and_was_first_painted_during_it() -> None:
    late = ConnectionRecord("screen", "s", 9.0, 100.0, 0, [(10.8, 1, 4), (13.0, 1, 0)])

    assert kinds([press(10, 1)], late) == []
    assert balance(Records([press(10, 1)], [late]), HOLD).owed == 0


@pytest.mark.parametrize(
    ("after", "kind"),
    [([(14.9, 1, 0)], ledger.HELD_TOO_LONG), ([], ledger.NEVER_TAKEN_DOWN)],
)
def test_a_number_that_is_shown_when_a_screen_connects_must_be_removed_in_time(after, kind) -> None:
    late = ConnectionRecord("screen", "s", 9.0, 100.0, 0, [(10.8, 1, 4), *after])

    assert kinds([press(10, 1)], late) == [kind]


def test_a_call_right_after_the_first_paint_of_a_screen_is_owed() -> None:
    new = ConnectionRecord("screen", "s", 9.9, 100.0, 0, [(9.99, 0, 0)])

    assert kinds([press(10, 1)], new) == [ledger.NEVER_SHOWN]


def test_calls_that_count_from_1_again_after_a_loss_of_redis_are_neither_doubled_nor_out_of_order() -> None:
    presses = [press(10, 1), press(20, 2), press(30, 1), press(40, 2)]
    paints = [
        (at + shift, seq, number)
        for at, seq in ((10, 1), (20, 2), (30, 1), (40, 2))
        for shift, number in ((0.02, 4), (3.02, 0))
    ]

    assert kinds(presses, connection(*paints)) == []


def test_a_press_without_an_answer_may_have_created_a_call() -> None:
    lost = Press("s", 4, 10.0)

    assert kinds([lost], connection((10.02, 1, 4), (13.02, 1, 0))) == []
    assert kinds([], connection((10.02, 1, 4), (13.02, 1, 0))) == [ledger.NEVER_CALLED]
    assert kinds([lost], connection((90.0, 1, 4), (93.0, 1, 0))) == [ledger.NEVER_CALLED]


@pytest.mark.parametrize(
    ("paints", "kind"),
    [
        ([], ledger.NEVER_SHOWN),
        ([(20.5, 1, 4), (23.5, 1, 0)], ledger.NEVER_SHOWN),
        ([(10.02, 1, 4)], ledger.NEVER_TAKEN_DOWN),
        ([(10.02, 1, 4), (24.0, 1, 0)], ledger.NEVER_TAKEN_DOWN),
        ([(10.02, 1, 4), (11.0, 1, 4), (13.02, 1, 0)], ledger.SHOWN_TWICE),
        ([(10.02, 1, 4), (12.8, 1, 0)], ledger.CUT_SHORT),
        ([(10.02, 1, 4), (14.1, 1, 0)], ledger.HELD_TOO_LONG),
        ([(10.02, 1, 4), (13.02, 1, 0), (14, 2, 7), (17, 2, 0)], ledger.NEVER_CALLED),
        ([(10.02, 1, 4), (13.02, 1, 0), (14, 1, 7), (17, 1, 0)], ledger.NEVER_CALLED),
    ],
)
def test_each_kind_of_fault_is_named(paints, kind) -> None:
    assert kinds([press(10, 1)], connection(*paints)) == [kind]


def test_numbers_in_the_wrong_order_are_a_fault() -> None:
    presses = [press(10, 1), press(20, 2)]

    assert ledger.OUT_OF_ORDER in kinds(presses, connection((20.02, 2, 4), (23.02, 2, 0), (23.1, 1, 4), (26.1, 1, 0)))


def test_presses_that_were_under_way_at_the_same_time_may_be_called_in_any_order() -> None:
    held_back, other = press(10, 2, till=2), press(10.05, 1)
    held_back.answered, held_back.starts_in = 10.2, 2.86
    in_order = connection((10.06, 1, 4), (13.06, 2, 2), (16.06, 2, 0))

    assert kinds([held_back, other], in_order) == []
    assert ledger.OUT_OF_ORDER in kinds([held_back, other], connection((10.06, 2, 2), (13.06, 1, 4), (16.06, 1, 0)))


def test_a_call_is_in_time_if_its_press_was_held_back() -> None:
    held_back = press(10, 1)
    held_back.answered = 22.0

    assert kinds([held_back], connection((22.0, 1, 4), (25.0, 1, 0))) == []


def test_a_number_that_never_comes_counts_with_the_timeout_as_its_latency() -> None:
    account = balance(Records([press(10, 1)], [connection()]), HOLD)

    assert account.shown == [(10, ledger.TIMEOUT_SECONDS)]


@pytest.mark.parametrize(
    ("read_delays", "found"),
    [
        ([], [ledger.CUT_SHORT]),
        # The number was read at 10.25 s, but may have arrived at 10.05 s. So the hold may have been long enough.
        ([(10.2, 10.3, 10.05)], []),
        # The number was read at 10.25 s, and cannot have arrived before 10.2 s. Even then, the hold was too short.
        ([(10.2, 10.3, 10.2)], [ledger.CUT_SHORT]),
        # The read delay ended at 10.2 s. The number was read later, at 10.25 s, so it was read without a delay.
        ([(10.1, 10.2, 10.05)], [ledger.CUT_SHORT]),
    ],
)
def test_a_number_whose_begin_was_read_late_is_not_judged_as_cut_short(read_delays, found) -> None:
    records = Records([press(10, 1)], [connection((10.25, 1, 4), (13.0, 1, 0))], read_delays=[read_delays])
    account = balance(records, HOLD)

    assert [fault.kind for fault in account.faults] == found
    assert account.misread == (not found)


@pytest.mark.parametrize(("since", "found"), [(13.1, []), (14.3, [ledger.HELD_TOO_LONG])])
def test_a_number_whose_end_was_read_late_is_not_judged_as_held_too_long(since, found) -> None:
    owed = connection((10.02, 1, 4), (14.5, 1, 0))
    not_owed = connection((10.02, 1, 4), (14.5, 1, 0), opened=10.01)
    records = Records([press(10, 1)], [owed, not_owed], read_delays=[[(since, 14.6, since)]])

    assert [fault.kind for fault in balance(records, HOLD).faults] == found * 2


def test_a_read_delay_excuses_no_more_than_its_own_length() -> None:
    records = Records([press(10, 1)], [connection((10.25, 1, 4), (12.5, 1, 0))], read_delays=[[(10.0, 10.3, 10.0)]])

    assert [fault.kind for fault in balance(records, HOLD).faults] == [ledger.CUT_SHORT]


def test_a_read_delay_of_another_process_excuses_nothing() -> None:
    records = Records(
        [press(10, 1)], [connection((10.25, 1, 4), (13.0, 1, 0))], read_delays=[[], [(10.05, 10.3, 10.05)]]
    )

    assert [fault.kind for fault in balance(records, HOLD).faults] == [ledger.CUT_SHORT]
    records.connections[0].process = 1
    assert balance(records, HOLD).faults == []


@pytest.mark.parametrize(
    ("killed", "found"), [([], [ledger.NEVER_TAKEN_DOWN]), ([13.2], []), ([14.6], [ledger.NEVER_TAKEN_DOWN])]
)
def test_a_connection_ends_when_its_replica_is_killed_and_not_when_the_screen_notices(killed, found) -> None:
    lost = connection((10.02, 1, 4), closed=15.0)
    lost.code = 1006

    kills = [InjectedFault(name="ws", begin=at, end=at, cost=Cost(disconnects=True)) for at in killed]

    assert [fault.kind for fault in balance(Records([press(10, 1)], [lost]), HOLD, kills).faults] == found
