"""A screen whose browser paints nothing closes its connection, and connects again when the browser paints again.

tests/e2e/test_kiosk.py freezes the picture of a real compositor.
"""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import send_heartbeat, wait_until

STOP_FRAMES = """() => {
  window.realFrame = window.requestAnimationFrame;
  window.pending = [];
  window.requestAnimationFrame = (callback) => window.pending.push(callback);
}"""
CONTINUE_FRAMES = """() => {
  window.requestAnimationFrame = window.realFrame;
  window.pending.forEach((callback) => window.realFrame(callback));
}"""


def frozen_screens(topology) -> int:
    """Return how many websockets were closed because of a frozen picture, according to the metrics of all replicas."""
    texts = [httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in topology.ws_ports]
    counts = [re.findall(r'^cashier_screens_closed_total\{code="4000"\} (\d+)', text, re.MULTILINE) for text in texts]
    return sum(int(count) for (count,) in counts)


@pytest.fixture
def screen(topology, make_store, open_page) -> Page:
    page = open_page("about:blank")
    page.clock.install()
    page.goto(f"{topology.url}/s/{make_store()}/")
    expect(page.locator("body")).to_have_attribute("data-connection", "open")
    return page


def run_for(page: Page, seconds: int) -> None:
    """Let the clock of the page run in steps, with a heartbeat after each step."""
    for _ in range(seconds // 5):
        page.clock.run_for(5_000)
        send_heartbeat(page)


def test_a_screen_that_paints_nothing_closes_its_connection_until_it_paints_again(topology, screen) -> None:
    messages = []
    screen.on("console", lambda message: messages.append(message.text))
    before = frozen_screens(topology)
    screen.evaluate(STOP_FRAMES)
    run_for(screen, 55)
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
    run_for(screen, 15)

    expect(screen.locator("body")).to_have_attribute("data-connection", "lost")
    wait_until(screen, lambda: frozen_screens(topology) == before + 1, "ws has counted the close code")
    assert messages == ["cashier_q: the picture is frozen"]
    run_for(screen, 120)
    expect(screen.locator("body")).to_have_attribute("data-connection", "lost")

    screen.evaluate(CONTINUE_FRAMES)
    screen.clock.run_for(2_500)
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
    assert messages == ["cashier_q: the picture is frozen", "cashier_q: the browser paints again"]


def test_a_hidden_page_is_not_frozen(screen) -> None:
    screen.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden' })")
    screen.evaluate(STOP_FRAMES)
    run_for(screen, 120)

    expect(screen.locator("body")).to_have_attribute("data-connection", "open")


def test_a_computer_that_wakes_up_after_an_hour_is_not_frozen(screen) -> None:
    screen.clock.fast_forward(3_600_000)
    screen.clock.run_for(15_000)

    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
