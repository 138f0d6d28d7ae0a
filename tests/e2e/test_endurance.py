"""A screen's page shows thousands of calls without using more and more memory, and it skips no call."""

import pytest
from playwright.sync_api import expect

from cashier_core import timeline
from cashier_core.call import Policy
from tests.e2e.conftest import wait_for

CALLS = 10_000
WARM_UP = 1_000
"""The number of calls before the first measurement of the memory.

During these calls, the page allocates the memory that it keeps for all later calls."""
CALLS_AT_ONCE = 50
"""The number of calls that the test makes before it waits until the page has shown all of them.

More calls at once would fill the send buffer of the socket, and ws would skip some calls."""
MAX_GROWTH_KIB = 256


@pytest.mark.timeout(180)
def test_ten_thousand_calls_are_all_shown_and_use_no_more_memory(topology, make_store, open_screen_page) -> None:
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
            if (!numCashier || Number(seq) < next) return; // an idle text, or a call that was counted before
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
            if number % CALLS_AT_ONCE == 0:
                wait_for(screen, f"next > {number}")

    def memory_figures() -> dict[str, float]:
        # The memory of removed fragments must not be counted. The browser frees this memory only after it has painted
        # the page again, so the test waits for two animation frames before it measures.
        screen.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        session.send("HeapProfiler.collectGarbage")
        metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        return {name: metrics[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}

    call(1, WARM_UP)
    before = memory_figures()
    call(WARM_UP + 1, CALLS)
    after = memory_figures()

    expect(screen.locator(".number")).to_have_text(f"Nº{CALLS % 99 + 1}")
    assert screen.evaluate("missed") == 0
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < MAX_GROWTH_KIB * 1024, (before, after)
    assert after["Nodes"] <= before["Nodes"] + 20, (before, after)
    assert after["JSEventListeners"] <= before["JSEventListeners"], (before, after)
