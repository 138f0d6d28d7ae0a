"""`make compare` measures two revisions beside each other, and says which measures are worse."""

import json
import math

import pytest

from cashier_local.topology import ROOT
from loadtests import history
from loadtests.compare import block
from loadtests.compare.__main__ import compare
from loadtests.compare.block import MEASURES, measure_block
from loadtests.compare.contender import shown_after
from loadtests.compare.ratios import ratio

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_a_measure_is_worse_if_all_blocks_agree_that_it_has_grown() -> None:
    found = ratio([10.0, 11.0, 9.0, 10.0], [10.5, 11.6, 9.4, 10.6], measures=9)

    assert found.word == "WORSE"
    assert found.low < found.ratio < found.high
    assert math.isclose(found.ratio, 1.052, abs_tol=0.002)


def test_a_measure_is_better_if_all_blocks_agree_that_it_has_shrunk() -> None:
    assert ratio([10.5, 11.6, 9.4, 10.6], [10.0, 11.0, 9.0, 10.0], measures=9).word == "better"


def test_there_is_no_difference_if_the_blocks_disagree() -> None:
    assert ratio([10.0, 11.0, 9.0, 10.0], [11.0, 10.0, 10.0, 9.5], measures=9).word == "no difference"


def test_with_more_measures_an_interval_is_wider() -> None:
    values = ([10.0, 11.0, 9.0, 10.0], [10.5, 11.6, 9.4, 10.6])

    assert ratio(*values, measures=9).low < ratio(*values, measures=1).low


def test_a_number_belongs_to_the_last_press_of_its_till_in_its_store() -> None:
    dues = {0: [(10.0, 1), (12.0, 2)], 1: [(11.0, 1)]}
    messages = [
        (10.5, 0, b'data-num-cashier="1"'),
        (11.5, 0, b"waiting"),
        (12.25, 0, b'data-num-cashier="2"'),
        (11.125, 1, b'data-num-cashier="1"'),
        (12.5, 1, b'data-num-cashier="4"'),
        (10.9, 1, b'data-num-cashier="1"'),
    ]

    assert list(shown_after(messages, dues)) == [0.5, 0.25, 0.125]


def test_the_ratio_is_the_new_revision_divided_by_the_base() -> None:
    base = dict.fromkeys(MEASURES, 10.0)
    blocks = [[base, base | {"press p99": 12.0 + number / 10}] for number in range(4)]
    ratios = compare([[own | {"press p50": 9.0 + number} for own in block] for number, block in enumerate(blocks)])

    assert ratios["press p99"].word == "WORSE"
    assert 1.2 < ratios["press p99"].ratio < 1.25
    assert {each.word for name, each in ratios.items() if name != "press p99"} == {"no difference"}


@pytest.mark.serial
async def test_a_block_measures_both_topologies(tmp_path, monkeypatch) -> None:
    for name, seconds in (("PRESS_SECONDS", 2.0), ("WARM_UP_SECONDS", 0.5), ("IDLE_SECONDS", 1.0)):
        monkeypatch.setattr(block, name, seconds)
    base, new = await measure_block([ROOT, ROOT], tmp_path, tmp_path / "log")

    for values in (base, new):
        assert set(values) == set(MEASURES)
        assert all(value > 0 for value in values.values()), values


def test_results_are_stored_with_their_machine_and_revision_and_plotted(tmp_path) -> None:
    for revision, value in (("old", 2.0), ("new", 3.0)):
        history.add(tmp_path, "compare", {"press p99": ("ms", value, value - 1, value + 1)}, revision)
    other = json.loads((tmp_path / history.FILE).read_text().splitlines()[0]) | {"machine": "another"}
    with (tmp_path / history.FILE).open("a") as file:
        file.write(json.dumps(other) + "\n" + '{"incomplete": ')

    found = history.read(tmp_path)
    assert [(each.revision, each.value) for each in found] == [("old", 2.0), ("new", 3.0), ("old", 2.0)]
    assert [each.machine == history.machine() for each in found] == [True, True, False]
    assert "<svg" in (tmp_path / history.PLOT).read_text()
