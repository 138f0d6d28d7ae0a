"""The verdict: what breaks a promise that the ledger alone would not see."""

from dataclasses import replace

import pytest

from loadtests.measure.records import Press, Records, Stay
from loadtests.profiles import DRAIN_SECONDS, HOLD_SECONDS, Profile
from loadtests.verdict.ledger import balance
from loadtests.verdict.run import Run
from loadtests.verdict.slos import judge, verdict

PROFILE = Profile(name="of a test", stores=1, screens_per_store=2, per_second=0.1, seconds=60)
AWAKE = [(0.0, 0.001)]


def press(at: float, seq: int, status: int = 204) -> Press:
    return Press("s", 4, at, at + 0.01, status, seq, 0.0, "called" if status == 204 else "")


def stay(name: str, presses: list[Press], opened: float = -5.0, closed: float = 100.0, code: int = 0) -> Stay:
    paints = [(opened, 0, 0)]
    for each in presses:
        if each.status == 204 and opened < each.intended < closed:
            paints += [(each.intended + 0.02, each.seq, 4), (each.intended + 3.02, each.seq, 0)]
    return Stay(name, "s", opened, closed, code, paints)


def broken(run: Run) -> list[str]:
    """What was not kept."""
    return [line.what for line in judge(run, balance(run.records, HOLD_SECONDS)) if not line.kept]


PRESSES = [press(10.0 * number, number + 1) for number in range(6)]


def test_a_run_in_which_all_was_right_is_kept() -> None:
    run = Run(PROFILE, "", 0.0, Records(PRESSES, [stay("a", PRESSES), stay("b", PRESSES)], AWAKE))

    assert verdict(judge(run, balance(run.records, HOLD_SECONDS))) == "kept"


def test_presses_that_were_never_made_break_it() -> None:
    run = Run(PROFILE, "", 0.0, Records(PRESSES[:4], [stay(name, PRESSES[:4]) for name in "ab"], AWAKE))

    assert broken(run) == ["presses made"]


def test_a_screen_that_came_in_the_middle_of_the_run_breaks_it() -> None:
    run = Run(PROFILE, "", 0.0, Records(PRESSES, [stay("a", PRESSES), stay("b", PRESSES, opened=25.0)], AWAKE))

    assert broken(run) == ["numbers owed"]


def test_numbers_that_come_late_break_it() -> None:
    late = stay("a", PRESSES)
    late.paints = [(at + 0.4, seq, number) if seq else (at, seq, number) for at, seq, number in late.paints]
    run = Run(PROFILE, "", 0.0, Records(PRESSES, [late, stay("b", PRESSES)], AWAKE))

    assert broken(run) == ["press to number, p99"]


@pytest.mark.parametrize(("refused_at", "what"), [(2, []), (4, ["presses refused"])])
def test_presses_may_be_refused_only_for_a_while_after_a_fault(refused_at, what) -> None:
    presses = [each if number != refused_at else press(each.intended, 0, 503) for number, each in enumerate(PRESSES)]
    run = Run(
        replace(PROFILE, faults=((15.0, "redis"),)),
        "",
        0.0,
        Records(presses, [stay("a", presses), stay("b", presses)], AWAKE),
        faults=[(15.0, "redis")],
    )

    assert broken(run) == what


def test_a_press_that_was_under_way_as_the_fault_came_may_be_refused() -> None:
    presses = [*PRESSES[:2], press(19.995, 0, 503), *PRESSES[3:]]
    profile = replace(PROFILE, faults=((20.0, "redis"),))
    records = Records(presses, [stay("a", presses), stay("b", presses)], AWAKE)

    assert broken(Run(profile, "", 0.0, records, faults=[(20.0, "redis")])) == []


def test_a_fault_that_nobody_made_breaks_it() -> None:
    profile = replace(PROFILE, faults=((15.0, "redis"), (45.0, "ws")))
    records = Records(PRESSES, [stay("a", PRESSES), stay("b", PRESSES)], AWAKE)

    assert broken(Run(profile, "", 0.0, records, faults=[(15.0, "redis")])) == ["killed or cut"]


def test_a_cut_that_cut_nobody_breaks_it() -> None:
    run = Run(replace(PROFILE, cut_at=25.0), "", 0.0, Records(PRESSES, [stay("a", PRESSES), stay("b", PRESSES)], AWAKE))

    assert broken(run) == ["screens cut"]


@pytest.mark.parametrize(
    ("lag", "cut_at", "told"), [(0.05, None, "kept"), (0.2, None, "void"), (0.2, 25.0, "kept"), (1.1, 25.0, "void")]
)
def test_a_generator_that_lags_tells_of_nothing_that_its_lag_may_have_changed(lag, cut_at, told) -> None:
    lags = [*AWAKE * 199, (12.0, 12.0 + lag)]
    stays = [stay(name, PRESSES, closed=25.0, code=1006) for name in "ab" if cut_at]
    stays += [stay(name, PRESSES, opened=26.0 if cut_at else -5.0) for name in "ab"]
    run = Run(replace(PROFILE, cut_at=cut_at), "", 0.0, Records(PRESSES, stays, lags))

    assert verdict(judge(run, balance(run.records, HOLD_SECONDS))) == told


def test_screens_are_away_from_the_kill_of_their_replica_on_and_not_since_they_were_told() -> None:
    stays = [stay("a", PRESSES, closed=26.0, code=1006), stay("a", PRESSES, opened=27.0)]
    run = Run(replace(PROFILE, faults=((25.0, "ws"),)), "", 0.0, Records(PRESSES, stays), faults=[(25.0, "ws")])

    assert run.away() == [2.0]


@pytest.mark.parametrize(("misread", "told"), [(0, "kept"), (6, "kept"), (7, "void")])
def test_a_generator_that_read_many_numbers_late_can_tell_of_nothing(misread, told) -> None:
    presses = [press(10 + 4 * number, number + 1) for number in range(60)]
    stays = [stay(name, presses, closed=999) for name in "ab"]
    run = Run(replace(PROFILE, per_second=0.25, seconds=240), "", 0.0, Records(presses, stays, AWAKE))
    account = balance(run.records, HOLD_SECONDS)
    account.misread = misread

    assert account.owed == 120
    assert verdict(judge(run, account)) == told


def test_a_generator_that_lags_as_it_clears_up_has_measured_all_the_same() -> None:
    lags = [*AWAKE * 199, (PROFILE.seconds + DRAIN_SECONDS + 1, PROFILE.seconds + DRAIN_SECONDS + 2)]
    run = Run(PROFILE, "", 0.0, Records(PRESSES, [stay("a", PRESSES), stay("b", PRESSES)], lags))

    assert verdict(judge(run, balance(run.records, HOLD_SECONDS))) == "kept"
