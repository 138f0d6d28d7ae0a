"""The events of a page in a real browser become the records of its connections."""

import time

import pytest

from loadtests.browsers.browser_screen import UNUSUAL_END, BrowserScreen

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def report(screen: BrowserScreen, *events: tuple) -> None:
    """Let the page report events. Each event is (kind, seconds since now, other fields)."""
    now = time.time()
    for kind, seconds, *fields in events:
        screen.add({"kind": kind, "at": (now + seconds) * 1000, **(fields[0] if fields else {})})


async def test_paints_have_times_of_the_monotonic_clock_and_belong_to_their_connection() -> None:
    screen, now = BrowserScreen("a", "s"), time.monotonic()
    report(screen, ("page", 0), ("request", 1), ("open", 2), ("paint", 3, {"seq": 7, "till": 4}))
    assert screen.painted.is_set()
    report(screen, ("close", 4, {"code": 1012}), ("request", 5), ("open", 6), ("paint", 7, {"seq": 7, "till": 0}))
    screen.stop()

    first, second = screen.records
    assert [first.requested, first.opened, first.closed] == pytest.approx([now + 1, now + 2, now + 4], abs=0.1)
    assert [(seq, till) for _, seq, till in first.paints] == [(7, 4)]
    assert first.paints[0][0] == pytest.approx(now + 3, abs=0.1)
    assert (first.code, second.code, first.in_browser) == (1012, 0, True)


async def test_a_page_that_is_loaded_again_has_lost_its_connection() -> None:
    screen = BrowserScreen("a", "s")
    report(screen, ("page", 0), ("request", 1), ("open", 2), ("page", 3))

    assert [record.code for record in screen.records] == [UNUSUAL_END]


@pytest.mark.parametrize("is_early", [True, False])
async def test_a_connection_has_its_parts_whether_the_answer_is_reported_before_or_after_it(is_early) -> None:
    screen = BrowserScreen("a", "s")
    report(screen, ("page", 0), ("request", 1))
    if is_early:
        screen.answer_received({"X-Parts": "12 127.0.0.1:9001"})
    report(screen, ("open", 2))
    if not is_early:
        screen.answer_received({"X-Parts": "12 127.0.0.1:9001"})

    assert screen.records[0].parts == ["12", "127.0.0.1:9001"]
