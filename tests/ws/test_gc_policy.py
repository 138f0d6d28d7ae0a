"""The garbage collector does not examine the objects of connected screens again and again.

The garbage collector still collects the objects of screens that have left.
"""

import gc
import weakref
from collections.abc import Iterator

import pytest

from cashier_ws.gc_policy import FULL_SECONDS, MANY, GcPolicy


class Cycle:
    """An object that refers to itself, so that only the garbage collector removes it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """Before and after each test, undo `gc.freeze()`, so that no object is exempt from the garbage collection."""
    gc.unfreeze()
    yield
    gc.unfreeze()


def cycles(count: int) -> list[weakref.ref]:
    return [weakref.ref(Cycle()) for _ in range(count)]


def test_objects_of_a_connected_screen_are_not_collected_again() -> None:
    screen = Cycle()
    reference = weakref.ref(screen)
    GcPolicy().apply(joined=1, screens=1, now=0)
    del screen

    gc.collect()

    assert reference() is not None


def test_garbage_of_a_handshake_is_collected_before_the_screen_is_frozen() -> None:
    left_behind = cycles(1)

    GcPolicy().apply(joined=1, screens=1, now=0)

    assert left_behind[0]() is None


def test_nothing_is_frozen_while_no_screen_joins() -> None:
    policy = GcPolicy()
    policy.apply(joined=5, screens=5, now=0)
    later = cycles(1)
    policy.apply(joined=5, screens=4, now=0)

    gc.collect()

    assert later[0]() is None


@pytest.mark.parametrize(("screens", "gone"), [(0, MANY), (10, MANY), (10_000, 5_000)])
def test_garbage_of_screens_is_collected_when_many_have_left(screens, gone) -> None:
    policy, screen = GcPolicy(), Cycle()
    policy.apply(joined=screens + gone - 1, screens=screens, now=0)
    left_behind = weakref.ref(screen)
    del screen
    policy.apply(joined=screens + gone - 1, screens=screens, now=0)
    assert left_behind(), "everything was collected one screen too early"

    policy.apply(joined=screens + gone, screens=screens, now=0)

    assert left_behind() is None
    assert gc.get_freeze_count() > 0


def test_screens_that_reconnect_all_the_time_do_not_cause_one_full_collection_after_another() -> None:
    policy, screen = GcPolicy(), Cycle()
    policy.apply(joined=MANY, screens=0, now=0)
    policy.apply(joined=MANY + 1, screens=1, now=1)
    left_behind = weakref.ref(screen)
    policy.apply(joined=MANY + 2, screens=2, now=2)
    del screen
    policy.apply(joined=9 * MANY, screens=0, now=FULL_SECONDS - 1)
    assert left_behind()

    policy.apply(joined=9 * MANY, screens=0, now=FULL_SECONDS)

    assert left_behind() is None
