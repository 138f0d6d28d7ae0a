"""The benchmark can measure every system. If a system behaves wrongly, it gets no figure. The report is complete."""

import json
import shutil

import pytest

from loadtests.bench import report, screen_measures
from loadtests.bench.press_measures import measure_presses
from loadtests.bench.samples import Sample, Setting, slope, summarize
from loadtests.bench.screen_measures import measure_cut, measure_sizes
from loadtests.bench.systems import SYSTEMS, missing, read_pages
from loadtests.bench.targets import REPLICAS, evaluate

pytestmark = pytest.mark.anyio
SCREENS = 40


def system(name: str, tmp_path, stores: int = 1):
    """Return a context manager that runs a system. Skip the test if the system is not installed."""
    if name in missing():
        pytest.skip(f"{name} is not installed: {missing()[name]}")
    return SYSTEMS[name](tmp_path / name, lambda process, line: None, stores, 2)


async def values_of(samples) -> dict[str, float]:
    return {sample.measure: sample.value async for sample in samples}


@pytest.mark.parametrize("name", SYSTEMS)
async def test_each_system_sends_a_press_to_every_screen_and_takes_all_screens_back_after_a_cut(name, tmp_path) -> None:
    with system(name, tmp_path) as running:
        await read_pages(running, 1)
        values = await values_of(measure_sizes(running, [SCREENS], 1))
        values |= await values_of(measure_cut(running, SCREENS))

    assert 0 < values["fan-out p50"] <= values["fan-out p99"] <= values["fan-out last"]
    assert values["connects"] > 0
    assert "Nginx memory per screen" in values
    assert values["cut to all back"] > 0


async def test_presses_need_a_signed_in_account_and_a_refused_press_yields_no_figure(tmp_path) -> None:
    with system("cashier_q", tmp_path, stores=20) as running:
        await read_pages(running, 20)
        values = await values_of(measure_presses(running, SCREENS, 0.5))
        assert values["presses"] > 0
        assert values["press p99 at half rate"] > 0
        running.presses = [[request.replace(b"cashier=", b"checker=") for request in each] for each in running.presses]

        with pytest.raises(ConnectionError, match="answered with 400"):
            await values_of(measure_presses(running, 0, 0.5))


async def test_a_system_that_never_removes_the_number_yields_no_figure(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(screen_measures, "REACH_SECONDS", 2.0)
    with system("daphne", tmp_path) as running:
        await read_pages(running, 1)
        # The system in this test never removes a number. `resets = True` tells the benchmark that the system does.
        running.resets = True

        with pytest.raises(TimeoutError, match="screens did not get"):
            await values_of(measure_sizes(running, [SCREENS], 1))


def samples(measure: str, system: str, screens: int, *values: float) -> list[Sample]:
    return [Sample(measure, Setting(system, 1, screens, REPLICAS.get(system, 2)), value) for value in values]


def test_the_report_contains_medians_spreads_slopes_targets_and_what_could_not_be_measured(tmp_path) -> None:
    measured = [
        *samples("fan-out p99", "cashier_q", 1000, 20, 10, 12),
        *samples("fan-out p99", "cashier_q", 5000, 52),
        *samples("fan-out p99", "cashier_q", 10_000, 102),
        *samples("fan-out p99", "Nchan", 1000, 10),
        *samples("fan-out p99", "demo", 1000, 130),
    ]

    text = report.write(tmp_path, measured, ["uvicorn is not installed; install it with: a command"], rounds=1)
    figures = json.loads((tmp_path / "bench.json").read_text())

    assert (tmp_path / "bench.md").read_text() == text
    assert "| fan-out p99 (ms) | 1 | 1,000 | 12 (10 to 20) | 10 | 130 |" in text
    assert "| fan-out p99 | cashier_q | screens | 0.01 ms | 2 ms |" in text
    assert "- uvicorn is not installed; install it with: a command" in text
    targets = {each["what"]: (each["measured"], each["met"]) for each in figures["targets"]}
    assert targets["fan-out p99 to 1,000 screens, against Nchan"] == (1.2, True)
    assert targets["fan-out p99 to 5,000 screens, against Nchan"] == (None, False)
    assert targets["fan-out p99 to 1,000 screens, faster than the demo"] == (pytest.approx(130 / 12), False)


def test_the_slope_is_the_growth_of_y_when_x_grows_by_one() -> None:
    assert slope([(1, 5.0), (2, 7.0), (4, 11.0)]) == pytest.approx((2.0, 3.0))


def test_a_target_that_was_not_measured_is_not_met() -> None:
    assert not any(target.met for target in evaluate(summarize([]), 1))


def test_a_limit_must_be_met_in_every_round() -> None:
    def met(*seconds: float) -> bool:
        cuts = summarize(samples("cut to all back", "cashier_q", 5000, *seconds))
        return next(target.met for target in evaluate(cuts, 3) if "cut at once" in target.what)

    assert met(2, 2, 3)
    assert not met(2, 2, 20)
    assert not met(2, 2), "one of the three rounds has no value"


def test_a_system_that_is_not_installed_is_named_with_the_command_that_installs_it() -> None:
    assert missing().keys() <= {"nchan"}
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        assert "apt-get install" in missing()["nchan"]
