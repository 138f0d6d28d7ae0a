"""`make capacity` finds the largest load at which all promises hold, and names the bottleneck."""

import os
from dataclasses import replace
from random import Random

import pytest

from loadtests.capacity.promise import PROMISES
from loadtests.capacity.search import PRECISION, search
from loadtests.capacity.trial import Trial, bottleneck
from loadtests.profiles import PROFILES, environment_of, profile_of
from loadtests.verdict.run import Run
from loadtests.verdict.slos import FAILED, PASSED, VOID

RUN = Run(replace(PROFILES["smoke"], seconds=10.0), "", begin=100.0)


def try_with_limits(*limits: int):
    """Return a function that makes a trial. Each trial passes below the next of the limits, in turn."""
    tried: list[int] = []

    def try_size(size: int) -> Trial:
        limit = limits[len(tried) % len(limits)]
        tried.append(size)
        return Trial(size, PASSED if size < limit else FAILED, [], "")

    return try_size, tried


@pytest.mark.parametrize(("start", "limit"), [(100, 950), (1600, 950), (3, 7), (1, 2)])
def test_the_capacity_is_just_below_the_limit(start, limit) -> None:
    capacity = search(try_with_limits(limit)[0], start, rounds=1)

    assert capacity.size < limit <= max(capacity.size * PRECISION, capacity.size + 1)
    assert capacity.limit.size >= limit


def test_the_spread_covers_all_rounds() -> None:
    limits = Random(1).choices([1000, 1200, 1400, 1500], k=100)
    capacity = search(try_with_limits(*limits)[0], 100, rounds=4)

    assert capacity.low <= capacity.size <= capacity.high
    assert capacity.low < capacity.high
    assert len(capacity.found) == 4


def test_a_void_run_does_not_pass() -> None:
    assert not Trial(1, VOID, [], "").passed


def test_a_run_that_fails_once_does_not_limit_the_result() -> None:
    capacity = search(try_with_limits(10, *[1600] * 50)[0], 100, rounds=2)

    assert capacity.low == capacity.high
    assert capacity.size < 1600 <= capacity.size * PRECISION


def test_a_run_that_passes_once_does_not_raise_the_result_of_all_rounds() -> None:
    capacity = search(try_with_limits(400, 400, 900, *[400] * 50)[0], 100, rounds=3)

    assert capacity.high < 400


def test_a_search_in_which_nothing_passes_has_no_result() -> None:
    with pytest.raises(ValueError, match="no run has passed"):
        search(try_with_limits(0)[0], 8, rounds=1)


def samples(*, used: float, busiest: float) -> list[tuple[float, float, float, float]]:
    """Samples during the presses, and one before them that must not count."""
    return [(50.0, 0.0, 10.0, 0.0), (101.0, used, 10.0, busiest), (105.0, used, 10.0, busiest)]


def test_a_process_that_uses_a_whole_core_is_the_bottleneck() -> None:
    run = replace(RUN, samples={"ws1": samples(used=97, busiest=97), "press": samples(used=40, busiest=20)})

    assert bottleneck(run).startswith("a process of ws1 used 97 % of a core")


def test_if_all_cores_are_busy_the_largest_processes_are_named() -> None:
    cores = os.cpu_count() or 1
    run = replace(
        RUN, samples={name: samples(used=31 * cores, busiest=50) for name in ("nginx", "load generator", "ws1")}
    )

    assert bottleneck(run).startswith("all cores were busy: 93 % of all cores")


def test_a_process_that_was_busy_for_a_second_is_named_if_nothing_was_busy_on_average() -> None:
    a_peak = [(101.0, 20.0, 10.0, 20.0), (102.0, 99.0, 10.0, 99.0), (103.0, 20.0, 10.0, 20.0)]
    run = replace(RUN, samples={"press": a_peak, "ws1": samples(used=30, busiest=30)})

    assert bottleneck(run).startswith("a process of press was busy for 1 s, but not on average")


def test_if_nothing_is_busy_the_result_says_so() -> None:
    assert bottleneck(replace(RUN, samples={"ws1": samples(used=5, busiest=5)})).startswith("nothing was busy")


@pytest.mark.parametrize("name", PROMISES)
def test_the_profile_of_each_promise_grows(name) -> None:
    promise = PROMISES[name]
    small, large = promise.profile(promise.start), promise.profile(promise.start * 2)

    assert (small.screens, small.per_second) != (large.screens, large.per_second)
    assert small.screens <= large.screens
    assert small.per_second <= large.per_second


def test_a_process_of_locust_gets_the_whole_profile() -> None:
    profile = PROMISES["stores"].profile(300)

    assert profile_of(environment_of(profile)) == profile
    assert profile_of({"PROFILE": "store"}) == PROFILES["store"]
    assert profile_of({}) == PROFILES["smoke"]
