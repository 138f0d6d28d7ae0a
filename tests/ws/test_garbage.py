"""When a replica looks for garbage: not through screens that stay, and yet nothing of those that went is kept."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from cashier_ws.garbage import MANY, Garbage


class Knot:
    """What only the garbage collector takes away: it holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Each test begins and ends with nothing frozen."""
    gc.unfreeze()
    yield
    gc.unfreeze()


def knots(count: int) -> list[weakref.ref]:
    return [weakref.ref(Knot()) for _ in range(count)]


def test_what_has_settled_is_not_looked_through_again() -> None:
    settled = knots(1)
    Garbage().settle(joined=1, screens=1)

    gc.collect()

    assert settled[0]() is not None


def test_nothing_is_exempted_while_nobody_joins() -> None:
    garbage = Garbage()
    garbage.settle(joined=5, screens=5)
    later = knots(1)
    garbage.settle(joined=5, screens=4)

    gc.collect()

    assert later[0]() is None


@pytest.mark.parametrize(("screens", "gone"), [(0, MANY), (10, MANY), (10_000, 5_000)])
def test_what_screens_leave_behind_is_taken_away_when_many_have_gone(screens, gone) -> None:
    garbage, left_behind = Garbage(), knots(3)
    garbage.settle(joined=screens + gone - 1, screens=screens)
    assert all(knot() for knot in left_behind), "one too few have gone"

    garbage.settle(joined=screens + gone, screens=screens)

    assert not any(knot() for knot in left_behind)
    assert gc.get_freeze_count() > 0
