"""When a replica looks for garbage: not through screens that stay, and yet nothing of those that went is kept."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from cashier_ws.gc_policy import MANY, GcPolicy


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
    screen = Knot()
    settled = weakref.ref(screen)
    GcPolicy().apply(joined=1, screens=1)
    del screen

    gc.collect()

    assert settled() is not None


def test_what_a_handshake_leaves_behind_is_taken_away_before_the_screen_is_exempted() -> None:
    left_behind = knots(1)

    GcPolicy().apply(joined=1, screens=1)

    assert left_behind[0]() is None


def test_nothing_is_exempted_while_nobody_joins() -> None:
    policy = GcPolicy()
    policy.apply(joined=5, screens=5)
    later = knots(1)
    policy.apply(joined=5, screens=4)

    gc.collect()

    assert later[0]() is None


@pytest.mark.parametrize(("screens", "gone"), [(0, MANY), (10, MANY), (10_000, 5_000)])
def test_what_screens_leave_behind_is_taken_away_when_many_have_gone(screens, gone) -> None:
    policy, screen = GcPolicy(), Knot()
    policy.apply(joined=screens + gone - 1, screens=screens)
    left_behind = weakref.ref(screen)
    del screen
    policy.apply(joined=screens + gone - 1, screens=screens)
    assert left_behind(), "one too few have gone"

    policy.apply(joined=screens + gone, screens=screens)

    assert left_behind() is None
    assert gc.get_freeze_count() > 0
