"""The schedule of the profile `chaos` is a function of its seed."""

from itertools import pairwise

import pytest

from loadtests.chaos.injectors import INJECTORS
from loadtests.chaos.kinds import COMPOSE_KINDS, LOCAL_KINDS
from loadtests.chaos.schedule import only, schedule


def test_the_same_seed_gives_the_same_schedule_and_another_seed_gives_another() -> None:
    assert schedule(7, 160, LOCAL_KINDS) == schedule(7, 160, LOCAL_KINDS)
    assert schedule(7, 160, LOCAL_KINDS) != schedule(8, 160, LOCAL_KINDS)


def test_a_longer_run_only_adds_faults_at_the_end() -> None:
    short, long = schedule(7, 100, LOCAL_KINDS), schedule(7, 200, LOCAL_KINDS)

    assert long[: len(short)] == short
    assert len(long) > len(short)


def test_the_faults_of_many_seeds_have_all_kinds_and_targets_and_some_begin_together() -> None:
    schedules = [schedule(seed, 160, LOCAL_KINDS) for seed in range(50)]
    faults = [fault for each in schedules for fault in each]
    possible = {(name, target) for name, kind in LOCAL_KINDS.items() for target in kind.targets}

    assert {(fault.kind, fault.target) for fault in faults} == possible
    together = sum(first.at == second.at for each in schedules for first, second in pairwise(each))
    assert 0.1 < together / len(faults) < 0.4


def test_each_fault_has_a_number_and_lasts_as_long_as_its_kind_permits() -> None:
    faults = schedule(3, 160, LOCAL_KINDS)

    assert [fault.number for fault in faults] == list(range(1, len(faults) + 1))
    assert all(
        LOCAL_KINDS[each.kind].seconds[0] <= each.seconds <= LOCAL_KINDS[each.kind].seconds[1] for each in faults
    )
    assert all(0 < fault.at <= 160 for fault in faults)


def test_a_part_of_a_schedule_keeps_the_times_and_the_numbers() -> None:
    faults = schedule(3, 160, LOCAL_KINDS)

    assert only(faults, [3, 7]) == [faults[2], faults[6]]
    assert only(faults, []) == faults
    with pytest.raises(ValueError, match="no fault 99"):
        only(faults, [3, 99])


def test_each_kind_has_an_injector() -> None:
    assert INJECTORS.keys() == LOCAL_KINDS.keys() | COMPOSE_KINDS.keys()
