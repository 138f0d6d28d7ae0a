"""The objectives of a run find problems that the ledger alone would not notice."""

from dataclasses import replace

import pytest

from loadtests.chaos.kinds import cost_of_end
from loadtests.measure.clock_difference import Comparison, Conversion
from loadtests.measure.injected_fault import InjectedFault
from loadtests.measure.records import ConnectionRecord, Generator, Press, Records
from loadtests.profiles import DRAIN_SECONDS, HOLD_SECONDS, Profile
from loadtests.verdict.ledger import balance
from loadtests.verdict.run import Run
from loadtests.verdict.slos import PASSED, VOID, evaluate, verdict

PROFILE = Profile(name="of a test", stores=1, screens_per_store=2, per_second=0.1, seconds=60)
SMALL_LAGS = [(0.0, 0.001)]


def press(at: float, seq: int, status: int = 204) -> Press:
    return Press("s", 4, at, at + 0.01, status, seq, 0.0, "called" if status == 204 else "")


def connection(
    name: str, presses: list[Press], opened: float = -5.0, closed: float = 100.0, code: int = 0
) -> ConnectionRecord:
    paints = [(opened, 0, 0)]
    for each in presses:
        if each.status == 204 and opened < each.intended < closed:
            paints += [(each.intended + 0.02, each.seq, 4), (each.intended + 3.02, each.seq, 0)]
    return ConnectionRecord(name, "s", opened, closed, code, paints)


def not_met(run: Run) -> list[str]:
    """Return the names of the objectives that were not met."""
    return [each.what for each in evaluate(run, balance(run.records, HOLD_SECONDS)) if not each.met]


def fault(at: float, target: str) -> InjectedFault:
    return InjectedFault(name=target, begin=at, end=at, cost=cost_of_end(target))


PRESSES = [press(10.0 * number, number + 1) for number in range(6)]


def test_a_run_without_faults_passes() -> None:
    run = Run(PROFILE, "", 0.0, Records(PRESSES, [connection("a", PRESSES), connection("b", PRESSES)], SMALL_LAGS))

    assert verdict(evaluate(run, balance(run.records, HOLD_SECONDS))) == PASSED


def test_a_run_fails_if_presses_were_not_made() -> None:
    run = Run(PROFILE, "", 0.0, Records(PRESSES[:4], [connection(name, PRESSES[:4]) for name in "ab"], SMALL_LAGS))

    assert not_met(run) == ["presses made"]


def test_a_run_fails_if_a_screen_connected_only_during_the_run() -> None:
    run = Run(
        PROFILE,
        "",
        0.0,
        Records(PRESSES, [connection("a", PRESSES), connection("b", PRESSES, opened=25.0)], SMALL_LAGS),
    )

    assert not_met(run) == ["numbers owed"]


def test_a_run_fails_if_numbers_come_late() -> None:
    late = connection("a", PRESSES)
    late.paints = [(at + 0.4, seq, number) if seq else (at, seq, number) for at, seq, number in late.paints]
    run = Run(PROFILE, "", 0.0, Records(PRESSES, [late, connection("b", PRESSES)], SMALL_LAGS))

    assert not_met(run) == ["press to number, p99"]


@pytest.mark.parametrize(("refused_at", "what"), [(2, []), (4, ["presses refused"])])
def test_presses_may_be_refused_only_in_the_phase_after_a_fault(refused_at, what) -> None:
    presses = [each if number != refused_at else press(each.intended, 0, 503) for number, each in enumerate(PRESSES)]
    run = Run(
        replace(PROFILE, faults=((15.0, "redis"),)),
        "",
        0.0,
        Records(presses, [connection("a", presses), connection("b", presses)], SMALL_LAGS),
        faults=[fault(15.0, "redis")],
    )

    assert not_met(run) == what


def test_a_press_that_was_under_way_when_the_fault_came_may_be_refused() -> None:
    presses = [*PRESSES[:2], press(19.995, 0, 503), *PRESSES[3:]]
    profile = replace(PROFILE, faults=((20.0, "redis"),))
    records = Records(presses, [connection("a", presses), connection("b", presses)], SMALL_LAGS)

    assert not_met(Run(profile, "", 0.0, records, faults=[fault(20.0, "redis")])) == []


def test_a_run_fails_if_a_fault_of_the_profile_was_not_injected() -> None:
    profile = replace(PROFILE, faults=((15.0, "redis"), (45.0, "ws")))
    records = Records(PRESSES, [connection("a", PRESSES), connection("b", PRESSES)], SMALL_LAGS)

    assert not_met(Run(profile, "", 0.0, records, faults=[fault(15.0, "redis")])) == ["faults injected"]


def test_a_run_fails_if_the_cut_broke_no_connection() -> None:
    run = Run(
        replace(PROFILE, cut_at=25.0),
        "",
        0.0,
        Records(PRESSES, [connection("a", PRESSES), connection("b", PRESSES)], SMALL_LAGS),
    )

    assert not_met(run) == ["screens cut"]


@pytest.mark.parametrize(
    ("lag", "cut_at", "expected"), [(0.05, None, PASSED), (0.2, None, VOID), (0.2, 25.0, PASSED), (1.1, 25.0, VOID)]
)
def test_a_lag_makes_a_run_void_if_it_may_have_changed_what_is_judged(lag, cut_at, expected) -> None:
    lags = [*SMALL_LAGS * 199, (12.0, 12.0 + lag)]
    connections = [connection(name, PRESSES, closed=25.0, code=1006) for name in "ab" if cut_at]
    connections += [connection(name, PRESSES, opened=26.0 if cut_at else -5.0) for name in "ab"]
    run = Run(replace(PROFILE, cut_at=cut_at), "", 0.0, Records(PRESSES, connections, lags))

    assert verdict(evaluate(run, balance(run.records, HOLD_SECONDS))) == expected


@pytest.mark.parametrize(("seconds", "broken"), [(0.2, []), (0.3, ["press after the cut, p99"])])
def test_a_press_must_be_answered_soon_while_all_screens_reconnect(seconds, broken) -> None:
    presses = [*PRESSES[:3], replace(press(30.0, 4), answered=30.0 + seconds), *PRESSES[4:]]
    connections = [connection(name, presses, closed=29.5, code=1006) for name in "ab"]
    connections += [connection(name, presses, opened=33.5) for name in "ab"]
    run = Run(replace(PROFILE, cut_at=29.5), "", 0.0, Records(presses, connections, SMALL_LAGS))

    assert not_met(run) == broken


def test_no_press_may_be_refused_after_a_cut() -> None:
    presses = [*PRESSES[:3], press(30.0, 0, status=503), *PRESSES[4:]]
    connections = [connection(name, presses, closed=29.5, code=1006) for name in "ab"]
    connections += [connection(name, presses, opened=33.5) for name in "ab"]
    run = Run(replace(PROFILE, cut_at=29.5), "", 0.0, Records(presses, connections, SMALL_LAGS))

    assert not_met(run) == ["presses refused"]


def test_a_screen_is_away_from_the_kill_of_its_replica_and_not_only_from_the_end_of_its_connection() -> None:
    connections = [connection("a", PRESSES, closed=26.0, code=1006), connection("a", PRESSES, opened=27.0)]
    run = Run(
        replace(PROFILE, faults=((25.0, "ws"),)), "", 0.0, Records(PRESSES, connections), faults=[fault(25.0, "ws")]
    )

    assert run.seconds_away() == [2.0]


@pytest.mark.parametrize(("misread", "expected"), [(0, PASSED), (6, PASSED), (7, VOID)])
def test_a_run_is_void_if_the_generator_read_too_many_numbers_late(misread, expected) -> None:
    presses = [press(10 + 4 * number, number + 1) for number in range(60)]
    connections = [connection(name, presses, closed=999) for name in "ab"]
    run = Run(replace(PROFILE, per_second=0.25, seconds=240), "", 0.0, Records(presses, connections, SMALL_LAGS))
    account = balance(run.records, HOLD_SECONDS)
    account.misread = misread

    assert account.owed == 120
    assert verdict(evaluate(run, account)) == expected


def test_a_lag_after_the_last_number_does_not_matter() -> None:
    lags = [*SMALL_LAGS * 199, (PROFILE.seconds + DRAIN_SECONDS + 1, PROFILE.seconds + DRAIN_SECONDS + 2)]
    run = Run(PROFILE, "", 0.0, Records(PRESSES, [connection("a", PRESSES), connection("b", PRESSES)], lags))

    assert verdict(evaluate(run, balance(run.records, HOLD_SECONDS))) == PASSED


def in_browser(late: float) -> ConnectionRecord:
    """A screen in a real browser, which paints and removes each number `late` seconds late."""
    simulated = connection("browser", PRESSES)
    shown = [(at, seq, till) if till else (at + late, seq, till) for at, seq, till in simulated.paints]
    return replace(simulated, paints=shown, in_browser=True)


@pytest.mark.parametrize(("late", "broken"), [(0.05, []), (0.2, ["removal by a browser, p99"])])
def test_a_real_browser_has_limits_of_its_own(late, broken) -> None:
    connections = [connection("a", PRESSES), connection("b", PRESSES), in_browser(late)]
    run = Run(PROFILE, "", 0.0, Records(PRESSES, connections, SMALL_LAGS), browsers=1)

    assert not_met(run) == broken


def test_a_run_fails_if_a_real_browser_does_not_show_a_call() -> None:
    blank = replace(in_browser(0.0), paints=[(-5.0, 0, 0)])
    connections = [connection("a", PRESSES), connection("b", PRESSES), blank]
    run = Run(PROFILE, "", 0.0, Records(PRESSES, connections, SMALL_LAGS), browsers=1)

    assert "never shown" in not_met(run)


@pytest.mark.parametrize(("uncertainty", "expected"), [(0.009, PASSED), (0.011, VOID)])
def test_a_run_is_void_if_the_clocks_of_the_generators_are_uncertain(uncertainty, expected) -> None:
    clock = Conversion(Comparison(0.0, 5.0, 0.0), Comparison(100.0, 5.0, uncertainty))
    records = Records(PRESSES, [connection("a", PRESSES), connection("b", PRESSES)], SMALL_LAGS)
    records.generators = [Generator("far", 2, 6, SMALL_LAGS, clock)]
    run = Run(PROFILE, "", 0.0, records)

    assert verdict(evaluate(run, balance(run.records, HOLD_SECONDS))) == expected
