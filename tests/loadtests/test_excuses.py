"""The verdict excuses a deviation of a screen only if an injected fault can have caused the deviation.

The fault must be of a kind that causes such deviations. It must affect this screen at the time of the deviation.
"""

from math import inf

import pytest

from loadtests.chaos.kinds import LOCAL_KINDS
from loadtests.measure.injected_fault import Cost, InjectedFault
from loadtests.measure.records import ConnectionRecord, Press, Records
from loadtests.profiles import Profile
from loadtests.verdict import ledger
from loadtests.verdict.ledger import balance
from loadtests.verdict.run import FAULT_PHASE_SECONDS, Run

HOLD, WS1, WS2 = 3.0, "127.0.0.1:1", "127.0.0.1:2"
IDLE = (0.0, 0, 0)


def fault(kind: str, target: str, begin: float, end: float) -> InjectedFault:
    parts = {"ws1": frozenset({WS1}), "ws2": frozenset({WS2})}.get(target)
    return InjectedFault(name=kind, begin=begin, end=end, cost=LOCAL_KINDS[kind].cost(target), parts=parts)


def press(at: float, seq: int = 1, starts_in: float = 0.0) -> Press:
    return Press("s", 4, at, at + 0.01, 204, seq, starts_in, "waits" if starts_in else "called")


def cancelled(at: float, starts_in: float, cancel_at: float, status: int = 204) -> Press:
    call = press(at, starts_in=starts_in)
    call.cancel_sent, call.cancel_answered, call.cancel_status = cancel_at, cancel_at + 0.01, status
    return call


def screen(*paints: tuple[float, int, int], replica: str = WS1, closed: float = 200.0) -> ConnectionRecord:
    paints = paints or (IDLE,)
    return ConnectionRecord("screen", "s", paints[0][0], closed, 0, list(paints), parts=["77", replica])


def kinds(call: Press, connection: ConnectionRecord, *faults: InjectedFault) -> list[str]:
    return [each.kind for each in balance(Records([call], [connection]), HOLD, faults).faults]


@pytest.mark.parametrize(
    ("kind", "target"),
    [("pause", "ws1"), ("lose packets", "ws1"), ("partition", "ws1"), ("stall link to Redis", "ws1")],
)
@pytest.mark.parametrize(("at", "replica", "found"), [(21, WS1, []), (21, WS2, [1]), (10, WS1, [1]), (45, WS1, [1])])
def test_a_call_may_be_missing_only_during_the_fault_and_only_on_screens_of_the_replica(
    kind, target, at, replica, found
) -> None:
    missing = kinds(press(at), screen(replica=replica), fault(kind, target, 20, 25))

    assert missing == [ledger.NEVER_SHOWN] * len(found)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        *(("kill", target) for target in ("redis", "web", "press", "tasks")),
        *(("pause", target) for target in ("redis", "web", "press", "tasks", "nginx")),
        *(("stop", "redis"), ("stop", "ws1"), ("starve", "cpu"), ("fill disk", "disk")),
        *(("partition", "press"), ("lose packets", "web"), ("delay link to Redis", "ws1")),
    ],
)
def test_these_faults_excuse_no_missing_call_on_a_screen_that_stays_connected(kind, target) -> None:
    assert kinds(press(21), screen(), fault(kind, target, 20, 25)) == [ledger.NEVER_SHOWN]


@pytest.mark.parametrize("kind", ["kill", "stop"])
@pytest.mark.parametrize(("at", "short", "found"), [(21, 0.15, 0), (21, 0.3, 1), (30, 0.15, 1)])
def test_while_screens_come_back_a_hold_on_the_other_replica_may_be_a_little_shorter(kind, at, short, found) -> None:
    late = screen(IDLE, (at + short, 1, 4), (at + HOLD, 0, 0), replica=WS2)

    assert kinds(press(at), late, fault(kind, "ws1", 20, 25)) == [ledger.CUT_SHORT] * found


def test_a_call_that_was_announced_while_a_replica_was_paused_is_owed_if_it_begins_later() -> None:
    pause = fault("stall link to Redis", "ws1", 20, 22)

    assert kinds(press(21, starts_in=3), screen(), pause) == []
    assert kinds(press(21, starts_in=6), screen(), pause) == [ledger.NEVER_SHOWN]


def test_a_call_that_was_announced_before_the_fault_is_owed_although_the_replica_does_not_reach_redis() -> None:
    assert kinds(press(15, starts_in=6), screen(), fault("cut link to Redis", "ws1", 20, 25)) == [ledger.NEVER_SHOWN]


def test_calls_that_redis_has_forgotten_are_not_owed() -> None:
    loss = fault("lose data", "redis", 20, 20)

    assert kinds(press(18, starts_in=6), screen(), loss) == []
    assert kinds(press(18), screen(IDLE, (18.02, 1, 4), (20.5, 1, 0)), loss) == []
    assert kinds(press(14), screen(), loss) == [ledger.NEVER_SHOWN]
    assert kinds(press(20.5), screen(), loss) == [ledger.NEVER_SHOWN]


def test_a_replica_that_missed_an_announcement_before_redis_lost_its_data_never_learns_of_the_call() -> None:
    call, stall = press(21, starts_in=6), fault("stall link to Redis", "ws1", 20, 22)

    assert kinds(call, screen(), stall, fault("lose data", "redis", 21.5, 21.5)) == []
    assert kinds(call, screen(), stall, fault("lose data", "redis", 19, 19)) == [ledger.NEVER_SHOWN]


def test_a_number_that_stays_because_of_a_fault_is_removed_by_the_page_itself() -> None:
    stays = screen(IDLE, (20.02, 1, 4), (28.0, 1, 0))

    assert kinds(press(20), stays, fault("pause", "ws1", 21, 27)) == []
    assert kinds(press(20), stays, fault("pause", "ws2", 21, 27)) == [ledger.HELD_TOO_LONG]


def test_a_fault_excuses_no_number_that_nobody_called_and_none_that_is_shown_twice() -> None:
    twice = screen(IDLE, (20.02, 1, 4), (20.5, 1, 4), (23.0, 1, 0), (23.5, 9, 9), (26.5, 9, 0))

    assert kinds(press(20), twice, fault("pause", "ws1", 19, 27)) == [ledger.SHOWN_TWICE, ledger.NEVER_CALLED]


@pytest.mark.parametrize(
    ("removed", "faults", "found"),
    [
        (23.5, [], []),
        (25.5, [], [ledger.SHOWN_PAST_END]),
        (25.5, [fault("kill", "ws1", 18, 21)], [ledger.SHOWN_PAST_END]),
        (25.5, [fault("kill", "redis", 19.5, 21)], []),
        (27.5, [fault("kill", "redis", 19.5, 21)], [ledger.SHOWN_PAST_END]),
    ],
)
def test_a_screen_that_connects_during_a_call_shows_the_call_only_until_its_end(removed, faults, found) -> None:
    assert kinds(press(20), screen((removed - HOLD, 1, 4), (removed, 1, 0)), *faults) == found


SHOWN = screen(IDLE, (26.0, 1, 4), (29.0, 1, 0))


@pytest.mark.parametrize(
    ("call", "faults", "found"),
    [
        (cancelled(20, 6, 21), [], [ledger.SHOWN_THOUGH_CANCELLED]),
        (cancelled(20, 6, 21, status=409), [], []),
        (cancelled(20, 6, 21, status=503), [], []),
        # The cancellation was sent 0.1 s before the call began. The replica may not have known of it in time.
        (cancelled(20, 6, 25.9), [], []),
        # The fault ended 4 s before the call began. In this time, the replica must find out that the call is cancelled.
        (cancelled(20, 6, 21), [fault("stall link to Redis", "ws1", 20.5, 22)], [ledger.SHOWN_THOUGH_CANCELLED]),
        (cancelled(20, 6, 21), [fault("pause", "ws1", 20.5, 22)], [ledger.SHOWN_THOUGH_CANCELLED]),
        (cancelled(20, 6, 21), [fault("stall link to Redis", "ws1", 20.5, 25)], []),
        (cancelled(20, 6, 21), [fault("stall link to Redis", "ws2", 20.5, 25)], [ledger.SHOWN_THOUGH_CANCELLED]),
    ],
)
def test_a_cancelled_call_must_not_be_shown_unless_the_replica_may_not_know_it(call, faults, found) -> None:
    assert kinds(call, SHOWN, *faults) == found


def test_a_call_behind_a_cancelled_call_moves_up_and_may_have_begun_when_a_screen_connects() -> None:
    first, second = cancelled(20, 3, 21), press(20.1, seq=2, starts_in=6)
    connected_during_the_call = screen((24.0, 2, 4), (26.1, 2, 0))

    assert balance(Records([first, second], [connected_during_the_call]), HOLD).faults == []
    first.cancel_status = 409
    found = balance(Records([first, second], [connected_during_the_call]), HOLD).faults
    assert [each.kind for each in found] == [ledger.CUT_SHORT]


def test_a_cancelled_call_is_not_owed() -> None:
    account = balance(Records([cancelled(20, 6, 21)], [screen()]), HOLD)

    assert account.faults == []
    assert account.owed == 0


def test_a_starved_machine_excuses_a_hold_that_is_a_little_too_short() -> None:
    starved = fault("starve", "cpu", 19, 24)

    assert kinds(press(20), screen(IDLE, (20.3, 1, 4), (23.0, 1, 0)), starved) == []
    assert kinds(press(20), screen(IDLE, (20.7, 1, 4), (23.0, 1, 0)), starved) == [ledger.CUT_SHORT]
    assert kinds(press(30), screen(IDLE, (30.3, 1, 4), (33.0, 1, 0)), starved) == [ledger.CUT_SHORT]


@pytest.mark.parametrize(("due", "found"), [(20.1, []), (19.0, [ledger.CUT_SHORT])])
def test_a_machine_that_was_late_itself_does_not_make_a_hold_too_short(due, found) -> None:
    late, kill = screen(IDLE, (20.2, 1, 4), (23.0, 1, 0)), fault("kill", "web", 5, 6)
    records = Records([press(20)], [late], lags=[(due, due + 0.15)])

    assert [each.kind for each in balance(records, HOLD, [kill]).faults] == found
    assert [each.kind for each in balance(records, HOLD).faults] == [ledger.CUT_SHORT]


def test_only_connections_through_the_killed_worker_process_of_nginx_end_at_its_kill() -> None:
    kill = InjectedFault(name="", begin=23.1, end=24, cost=Cost(disconnects=True), parts=frozenset({"77"}))
    stays = screen(IDLE, (20.02, 1, 4), closed=24.6)
    stays.code = 1006

    assert kinds(press(20), stays, kill) == []
    stays.parts = ["78", WS1]
    assert kinds(press(20), stays, kill) == [ledger.NEVER_TAKEN_DOWN]


def test_presses_are_refused_for_a_while_after_the_end_of_a_fault() -> None:
    run = Run(Profile(name="", stores=1, screens_per_store=1, per_second=1, seconds=9), "", 0.0)
    run.faults = [fault("pause", "redis", 20, 25), fault("kill", "web", 60, 65)]

    assert [run.in_fault_phase(at) for at in (19, 20, 25 + FAULT_PHASE_SECONDS - 1, 25 + FAULT_PHASE_SECONDS, 61)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert run.faults[0].silent_until == -inf
