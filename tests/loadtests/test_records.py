"""The load test computes from the records for how long a screen was disconnected.

Each process of the load generator writes its own records. The load test knows which process a record belongs to.
"""

from math import inf

from loadtests.measure.records import ConnectionRecord, Press, Records, seconds_away


def connection(opened: float = 0.0, closed: float = 100.0, code: int = 0) -> ConnectionRecord:
    return ConnectionRecord("screen", "s", opened, closed, code, [(opened, 0, 0)])


def test_a_screen_that_reconnects_and_is_never_painted_has_not_come_back() -> None:
    lost, unpainted = connection(closed=20.0, code=1006), ConnectionRecord("screen", "s", 21.0, 100.0)

    assert list(seconds_away([lost, unpainted])) == [inf]


def test_absence_is_finite_for_a_screen_that_comes_back_and_infinite_for_one_that_does_not() -> None:
    lost, back = connection(closed=20.0, code=1012), connection(opened=21.5)
    gone = ConnectionRecord("another", "s", 0.0, 30.0, 1006, [(0.1, 0, 0)])

    assert list(seconds_away([lost, back, gone])) == [1.5, inf]


def test_records_of_several_processes_keep_their_own_read_delays(tmp_path) -> None:
    for process, late in enumerate((0.1, 0.2)):
        records = Records([Press("s", 4, 10.0)], [connection()], [(1.0, 1.0 + late)], [[(1.0, 1.0 + late, 1.0)]])
        records.write(tmp_path / f"{process}.json")
    both = Records.read(sorted(tmp_path.glob("*.json")))

    assert [each.process for each in both.connections] == [0, 1]
    assert both.read_delays == [[(1.0, 1.1, 1.0)], [(1.0, 1.2, 1.0)]]
    assert both.lags == [(1.0, 1.1), (1.0, 1.2)]
    assert len(both.presses) == 2
