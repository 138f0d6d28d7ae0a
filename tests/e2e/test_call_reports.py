"""The page of a screen reports to the server when its browser has painted each number, and how late it removed it."""

import json
import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from cashier_core import timeline
from cashier_core.call import Policy
from tests.e2e.conftest import send_heartbeat, wait_until
from tests.e2e.test_frozen_picture import STOP_FRAMES

REPORT_MS = 41_000
"""A page reports at most this many milliseconds after a call."""
PLAUSIBLE_MS = 5_000
"""A browser that shares two cores with many other processes may need seconds to paint."""


def metrics(topology, name: str) -> list[float]:
    """Return the value of a metric of each replica."""
    texts = [httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in topology.ws_ports]
    return [float(re.findall(rf"^{name} (\S+)", text, re.MULTILINE)[0]) for text in texts]


def paints_reported(topology) -> float:
    """Return how many paints the screens have reported to all replicas."""
    return sum(metrics(topology, "cashier_screen_paint_seconds_count"))


@pytest.fixture
def slug(make_store) -> str:
    return make_store()


@pytest.fixture
def screen(topology, slug, open_page) -> Page:
    """The page of a screen.

    `screen.reports` contains the calls of each report that the page has sent, unless a report contains no calls.
    `screen.states` contains each state that the page has sent.
    """
    page = open_page("about:blank")
    page.reports, page.states = [], []

    def note(frame: str) -> None:
        report = json.loads(frame) if frame.startswith("{") else {}
        page.reports += [report["calls"]] if report.get("calls") else []
        page.states += [report["page"]] if "page" in report else []

    page.on("websocket", lambda socket: socket.on("framesent", note))
    page.clock.install()
    page.goto(f"{topology.url}/s/{slug}/")
    expect(page.locator("body")).to_have_attribute("data-connection", "open")
    return page


@pytest.fixture
def call(topology, slug):
    """Return a function that calls a till, and returns the call_id of the call."""
    with timeline.connect(topology.redis_url) as redis:
        calls = timeline.Timeline(redis)

        def call(till: int, *, policy: Policy = Policy.QUEUE, hold_ms: int = 1000) -> str:
            return calls.press(slug, till, "en", idle_language="en", hold_ms=hold_ms, policy=policy).call_id

        yield call


def expect_call(screen: Page, till: int) -> None:
    """Wait until the browser has painted the number of this till."""
    expect(screen.locator("#message[data-moves] .number")).to_have_text(f"Nº{till}")


def expect_idle(screen: Page) -> None:
    """Wait until the browser has painted the idle text."""
    expect(screen.locator("#message[data-moves] .waiting")).to_have_text("Please wait")


def reported(screen: Page) -> list:
    """Let the clock of the page run until its next report is due, and return the calls in this report."""
    before = len(screen.reports)
    # A page that has just connected sends pings. The steps are shorter than the time for which it waits for an answer.
    for _ in range(10):
        send_heartbeat(screen)
        screen.clock.run_for(REPORT_MS / 10)
    wait_until(screen, lambda: len(screen.reports) > before, "the page has sent a report")
    return screen.reports[-1]


def test_a_page_reports_when_it_has_painted_and_removed_each_number(screen, call) -> None:
    screen.clock.run_for(10_000)
    first = call(4)
    expect_call(screen, 4)
    expect_idle(screen)
    second = call(2)
    expect_call(screen, 2)
    expect_idle(screen)
    calls = reported(screen)

    assert [call_id for call_id, *_times in calls] == [first, second]
    for _call_id, paint_ms, removal_ms in calls:
        assert 0 <= paint_ms < PLAUSIBLE_MS
        assert abs(removal_ms) < PLAUSIBLE_MS


def test_a_page_reports_its_state_when_it_has_connected_and_then_once_a_minute(screen) -> None:
    screen.clock.run_for(10_000)
    wait_until(screen, lambda: screen.states, "the page has sent a report")
    for _ in range(26):
        send_heartbeat(screen)
        screen.clock.run_for(4_500)
    wait_until(screen, lambda: len(screen.states) >= 2, "the page has sent its state again")

    assert len(screen.states) in {2, 3}
    assert screen.states == [screen.states[0]] * len(screen.states)
    assert screen.reports == []


def test_the_removal_of_a_number_that_is_replaced_counts_from_its_planned_end(screen, call) -> None:
    """The replica knows the real end, and corrects the time."""
    screen.clock.run_for(10_000)
    first = call(4, hold_ms=60_000)
    expect_call(screen, 4)
    second = call(2, policy=Policy.REPLACE)
    expect_call(screen, 2)
    expect_idle(screen)
    calls = reported(screen)

    assert [call_id for call_id, *_times in calls] == [first, second]
    assert -60_000 < calls[0][2] < -60_000 + PLAUSIBLE_MS
    assert abs(calls[1][2]) < PLAUSIBLE_MS


def test_a_number_that_the_browser_does_not_paint_is_reported_as_not_painted(screen, call) -> None:
    screen.clock.run_for(10_000)
    screen.evaluate(STOP_FRAMES)
    call_id = call(4)
    expect_call(screen, 4)
    expect_idle(screen)
    before = len(screen.reports)
    # The page waits for five seconds for the paint. Its picture is treated as frozen only after a minute.
    for _ in range(11):
        send_heartbeat(screen)
        screen.clock.run_for(4_500)
    wait_until(screen, lambda: len(screen.reports) > before, "the page has sent a report")

    assert screen.reports[-1] == [[call_id, None, None]]


def test_a_page_that_connects_again_during_a_call_reports_the_call_once(screen, call) -> None:
    screen.clock.run_for(10_000)
    call_id = call(4, hold_ms=8_000)
    expect_call(screen, 4)
    screen.evaluate("document.dispatchEvent(new CustomEvent('screen:frozen'))")
    expect(screen.locator("body")).to_have_attribute("data-connection", "lost")
    screen.evaluate("document.dispatchEvent(new CustomEvent('screen:thawed'))")
    screen.clock.run_for(3_000)
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
    expect_call(screen, 4)
    expect_idle(screen)
    calls = reported(screen)

    assert [row[0] for row in calls] == [call_id]
    assert calls[0][1] is not None


def test_a_page_that_was_not_connected_when_its_report_was_due_reports_later(topology, screen, call) -> None:
    screen.clock.run_for(10_000)
    call_id = call(4)
    expect_call(screen, 4)
    expect_idle(screen)
    before = len(screen.reports)
    screen.context.set_offline(True)
    screen.evaluate("document.dispatchEvent(new CustomEvent('screen:frozen'))")
    screen.clock.run_for(20_000)
    screen.context.set_offline(False)
    screen.evaluate("document.dispatchEvent(new CustomEvent('screen:thawed'))")
    for _ in range(5):
        send_heartbeat(screen)
        screen.clock.run_for(4_000)
    wait_until(screen, lambda: len(screen.reports) > before + 1, "the page has sent another report")

    assert [row[0] for report in screen.reports[before:] for row in report] == [call_id, call_id], (
        "the page reports when its picture freezes, and again when it has connected"
    )


def test_many_calls_are_split_into_reports_that_the_server_accepts(screen, call) -> None:
    screen.clock.run_for(10_000)
    call_ids = []
    for number in range(20):
        call_ids.append(call(number % 4 + 1, policy=Policy.REPLACE, hold_ms=60_000))
        expect_call(screen, number % 4 + 1)
    call_ids.append(call(1, policy=Policy.REPLACE))
    expect_call(screen, 1)
    expect_idle(screen)
    before = len(screen.reports)
    reported(screen)
    wait_until(screen, lambda: len(screen.reports) == before + 2, "the page has sent both reports")

    assert [len(report) for report in screen.reports[before:]] == [16, 5]
    assert [row[0] for report in screen.reports[before:] for row in report] == call_ids
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")


def test_a_page_that_is_left_reports_the_times_of_a_real_browser(topology, slug, call, open_screen_page) -> None:
    """This test does not replace the clock of the page, which also replaces its frames."""
    screen = open_screen_page(f"{topology.url}/s/{slug}/")
    before, seconds_before = paints_reported(topology), sum(metrics(topology, "cashier_screen_paint_seconds_sum"))
    call(4)
    expect_call(screen, 4)
    expect_idle(screen)
    screen.goto("about:blank")

    wait_until(screen, lambda: paints_reported(topology) == before + 1, "the replica has got the report")
    seconds = sum(metrics(topology, "cashier_screen_paint_seconds_sum")) - seconds_before
    assert 0 < seconds < PLAUSIBLE_MS / 1000
