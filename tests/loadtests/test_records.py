"""The records: what each process wrote down is read as its own, and what a screen's connections say of its absence."""

from math import inf

from loadtests.measure.records import Press, Records, Stay, away


def stay(opened: float = 0.0, closed: float = 100.0, code: int = 0) -> Stay:
    return Stay("screen", "s", opened, closed, code, [(opened, 0, 0)])


def test_a_screen_that_is_answered_and_never_painted_has_not_come_back() -> None:
    lost, unpainted = stay(closed=20.0, code=1006), Stay("screen", "s", 21.0, 100.0)

    assert list(away([lost, unpainted])) == [inf]


def test_how_long_a_screen_was_away_and_that_one_never_came_back() -> None:
    lost, back = stay(closed=20.0, code=1012), stay(opened=21.5)
    gone = Stay("another", "s", 0.0, 30.0, 1006, [(0.1, 0, 0)])

    assert list(away([lost, back, gone])) == [1.5, inf]


def test_what_each_process_wrote_down_is_read_with_its_own_stretches(tmp_path) -> None:
    for process, late in enumerate((0.1, 0.2)):
        records = Records([Press("s", 4, 10.0)], [stay()], [(1.0, 1.0 + late)], [[(1.0, 1.0 + late, 1.0)]])
        records.write(tmp_path / f"{process}.json")
    both = Records.read(sorted(tmp_path.glob("*.json")))

    assert [each.process for each in both.stays] == [0, 1]
    assert both.stretches == [[(1.0, 1.1, 1.0)], [(1.0, 1.2, 1.0)]]
    assert both.lags == [(1.0, 1.1), (1.0, 1.2)]
    assert len(both.presses) == 2
