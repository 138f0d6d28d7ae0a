"""Months of calls leave nothing behind in a screen's page, and every call is painted."""

import pytest
from playwright.sync_api import expect

from cashier_core import timeline
from cashier_core.call import Policy
from tests.e2e.conftest import wait_for

CALLS = 10_000
WARM_UP = 1_000
"""Calls after which everything that is allocated only once exists."""
AT_ONCE = 100
"""Calls after which the test waits until all are painted. More would fill the socket, and ws would skip some."""
FLAT_KIB = 256


@pytest.mark.timeout(180)
def test_ten_thousand_calls_are_painted_and_leave_nothing_behind(topology, make_store, open_screen_page) -> None:
    store = make_store(tills=99, shows_recent=True, arrows={"4": "left"}, policy="replace")
    screen = open_screen_page(f"{topology.url}/s/{store}/")
    session = screen.context.new_cdp_session(screen)
    session.send("Performance.enable")
    screen.evaluate(
        """() => {
          window.next = 1;
          window.missed = 0;
          document.addEventListener("screen:shown", () => {
            const { seq, numCashier } = document.getElementById("message").dataset;
            if (!numCashier || Number(seq) < next) return; // "please wait", or the same once more
            missed += Number(seq) - next;
            next = Number(seq) + 1;
          });
        }"""
    )
    redis = timeline.connect(topology.environment["REDIS_URL"])
    calls = timeline.Timeline(redis)

    def call(first: int, last: int) -> None:
        for number in range(first, last + 1):
            calls.press(store, number % 99 + 1, "en", idle_language="en", hold_ms=60_000, policy=Policy.REPLACE)
            if number % AT_ONCE == 0:
                wait_for(screen, f"next > {number}")

    def kept() -> dict[str, float]:
        # A fragment may be replaced before it is painted. The browser frees it only after the next frame.
        screen.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        session.send("HeapProfiler.collectGarbage")
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        return {name: metrics[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}

    call(1, WARM_UP)
    before = kept()
    call(WARM_UP + 1, CALLS)
    after = kept()

    expect(screen.locator(".number")).to_have_text(f"Nº{CALLS % 99 + 1}")
    assert screen.evaluate("missed") == 0
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < FLAT_KIB * 1024, (before, after)
    assert after["Nodes"] <= before["Nodes"] + 20, (before, after)
    assert after["JSEventListeners"] <= before["JSEventListeners"], (before, after)
