"""The state of each paired screen is found: real browsers that show calls, and browsers that do not."""

import contextlib
import os
import signal

import pytest
from playwright.sync_api import Browser, Error, Page

from tests.e2e.conftest import wait_until
from tests.e2e.test_frozen_picture import CONTINUE_FRAMES, STOP_FRAMES
from tests.support.browser import ARGUMENTS, find_browser

WITHIN_SECONDS = 60
"""A page notices its own state within 15 s. The rest is for machines on which other tests run at the same time."""
AWAY_SECONDS = 75
OLD_VERSION = """document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive") return;
  const { dataset } = document.body;
  dataset.look = dataset.look.replace(/"id": "\\w{8}\\./, '"id": "00000000.');
})"""
"""Gives the page an older version before its scripts run."""
HIDE = """(state) => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def slug(make_store) -> str:
    return make_store()


@pytest.fixture
def expect_state(topology, slug):
    """Return a function that waits until a screen has a state, and an outage with a cause ("" if there is none)."""

    def expect_state(page: Page, name: str, state: str, cause: str = "", seconds: float = WITHIN_SECONDS) -> None:
        last = []

        def is_so() -> bool:
            last[:] = topology.shell.call("state_of_screen", store=slug, name=name)
            return last == [state, cause]

        with contextlib.suppress(AssertionError):
            wait_until(page, is_so, "", seconds)
        assert last == [state, cause], name

    return expect_state


def kill(browser: Browser) -> None:
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    (pid,) = [each["id"] for each in processes if each["type"] == "browser"]
    os.kill(pid, signal.SIGKILL)


def test_each_screen_that_shows_no_calls_is_found_and_named(open_paired, expect_state, browser) -> None:
    """One test, because the states of several screens take no longer than the state of one screen."""
    showing, old, blocked = (
        open_paired("showing"),
        open_paired("old", script=OLD_VERSION),
        open_paired("blocked", is_muted=False),
    )
    hidden, stopped, frozen, crashed, left = [
        open_paired(name) for name in ("hidden", "stopped", "frozen", "crashed", "left")
    ]
    other_browser = browser.browser_type.launch(executable_path=find_browser(), args=ARGUMENTS)
    open_paired("killed", program=other_browser)
    for name in ("hidden", "stopped", "frozen", "crashed", "left", "killed"):
        expect_state(showing, name, "showing")
    hidden.evaluate(HIDE, "hidden")
    stopped.evaluate(STOP_FRAMES)
    frozen.evaluate("document.dispatchEvent(new CustomEvent('screen:frozen'))")
    left.goto("about:blank")
    with pytest.raises(Error):
        crashed.goto("chrome://crash")
    kill(other_browser)

    expect_state(showing, "old", "old_version")
    expect_state(showing, "blocked", "no_sound")
    expect_state(showing, "hidden", "hidden", "hidden")
    expect_state(showing, "stopped", "not_painting", "not_painting")
    # A frozen page closes its connection, and keeps its state.
    expect_state(showing, "frozen", "not_painting", "not_painting", AWAY_SECONDS)
    # If a page crashes, or the browser is killed, Chromium closes the websocket as if somebody had left the page.
    for name in ("left", "crashed", "killed"):
        expect_state(showing, name, "offline", "page_left", AWAY_SECONDS)
    expect_state(showing, "showing", "showing")

    hidden.evaluate(HIDE, "visible")
    stopped.evaluate(CONTINUE_FRAMES)
    blocked.mouse.click(10, 10)
    for name in ("hidden", "stopped", "blocked"):
        expect_state(showing, name, "showing")
    old.close()
