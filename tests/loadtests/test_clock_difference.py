"""The times of another machine's clock are converted to the clock of Locust's master process."""

from math import inf

import pytest

from loadtests.measure.clock_difference import Comparison, conversion
from loadtests.measure.records import ConnectionRecord, Press, Records


def test_a_difference_below_its_uncertainty_is_not_converted() -> None:
    convert = conversion([Comparison(10.0, 0.0004, 0.0005), Comparison(100.0, -0.0003, 0.0005)], 100.0)

    assert convert(50.0) == 50.0
    assert convert.uncertainty == 0.0005


def test_the_difference_of_two_clocks_that_drift_apart_is_interpolated() -> None:
    convert = conversion([Comparison(0.0, 5.0, 0.0001), Comparison(100.0, 5.01, 0.0001)], 110.0)

    assert [convert(at) for at in (50.0, 100.0)] == pytest.approx([55.005, 105.01])


def test_a_difference_is_not_extrapolated_because_errors_would_grow() -> None:
    convert = conversion([Comparison(140.0, 5.0, 0.0003), Comparison(144.0, 5.0004, 0.0003)], 150.0)

    assert convert(1.0) == 6.0
    assert convert(150.0) == 155.0004


def test_the_most_certain_comparisons_near_the_begin_and_the_end_of_the_run_count() -> None:
    slow, quick = Comparison(2.0, 5.3, 0.4), Comparison(20.0, 5.0, 0.001)
    convert = conversion([slow, quick, Comparison(50.0, 9.9, 0.0), Comparison(100.0, 5.0, 0.002)], 100.0)

    assert convert(10.0) == pytest.approx(15.0)
    assert convert.uncertainty == 0.002


@pytest.mark.parametrize("never", [0.0, inf])
def test_times_that_mean_never_stay_as_they_are(never) -> None:
    assert conversion([Comparison(10.0, 5.0, 0.001)], 20.0)(never) == never


def test_without_a_comparison_nothing_is_certain() -> None:
    assert conversion([], 10.0).uncertainty == inf


def test_if_the_clocks_were_not_compared_near_the_end_nothing_is_certain() -> None:
    assert conversion([Comparison(10.0, 5.0, 0.001)], 300.0).uncertainty == inf


def test_all_records_of_a_process_get_times_of_the_master(tmp_path) -> None:
    connection = ConnectionRecord("screen", "s", 11.0, 90.0, 0, [(12.0, 1, 4)], requested=10.5)
    records = Records([Press("s", 4, 11.5, 11.6)], [connection], [(20.0, 20.1)], [[(30.0, 30.1, 29.9)]], name="far")
    records.clock = [Comparison(10.0, 5.0, 0.001)]
    records.write(tmp_path / "far.json")
    found = Records.read([tmp_path / "far.json"])

    (press,), (shown,) = found.presses, found.connections
    assert (press.intended, press.answered, press.cancel_sent) == (16.5, 16.6, 0.0)
    assert (shown.requested, shown.opened, shown.closed, shown.paints) == (15.5, 16.0, 95.0, [(17.0, 1, 4)])
    assert (found.lags, found.read_delays) == ([(25.0, 25.1)], [[(35.0, 35.1, 34.9)]])
    (generator,) = found.generators
    assert (generator.name, generator.screens, generator.presses) == ("far", 1, 1)
