"""Fixtures and functions for tests with pages in a real browser."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.support.browser import launch

expect.set_options(timeout=10_000)


# The browser is started once for each module, and not once for the whole session. While Playwright is running, its
# event loop occupies the thread, so the asynchronous tests of other modules could not run.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as browser:
        yield browser


@pytest.fixture
def open_page(browser) -> Iterator:
    """Return a function that opens a page. Pages share no cookies and no cache.

    The test fails if one of the pages throws an exception, or if the CSP of a page blocks something.
    """
    contexts, errors = [], []

    def open_page(url: str, **options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: "Content Security Policy" in message.text and errors.append(message.text))
        page.goto(url)
        return page

    open_page.errors = errors
    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def is_true(page: Page, expression: str) -> bool:
    try:
        return bool(page.evaluate(expression))
    except Error as error:
        if "context was destroyed" in str(error):
            # This error occurs if the browser loads another page while the JavaScript expression is evaluated. The
            # callers of is_true() try again, and then the new page evaluates the expression.
            return False
        raise


def wait_for(page: Page, expression: str, seconds: float = 10) -> None:
    """Wait until a JavaScript expression is true.

    Playwright's wait_for_function needs an eval in the page, which the CSP of the pages forbids.
    """
    wait_until(page, lambda: is_true(page, expression), expression, seconds)


def wait_until(page: Page, condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Wait until a condition of the test is true, while Playwright handles the events of the page."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        page.wait_for_timeout(20)  # Playwright handles the events of the page while it waits; time.sleep() would not.


def send_heartbeat(page: Page) -> None:
    """Give the page a heartbeat, if it is connected.

    If a test lets the clock of the page run fast, the heartbeats of the replica come too late for the page.
    """
    page.evaluate("""
        if (document.body.dataset.connection === "open")
            document.dispatchEvent(new CustomEvent("htmx:wsBeforeMessage", { detail: { message: "pong" } }));
    """)


def press_keys(page: Page, keys: str) -> None:
    """Press these keys as fast as a person can.

    If the keys came faster, the page would take them for the keys of a barcode scanner.
    """
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(150)


@pytest.fixture
def open_screen_page(open_page):
    """Return a function that opens a store's screen and waits until the screen's websocket is open."""

    def open_screen_page(url: str, **options) -> Page:
        page = open_page(url, **options)
        expect(page.locator("body")).to_have_attribute("data-connection", "open")
        return page

    return open_screen_page


@pytest.fixture
def open_paired(topology, slug, browser: Browser):
    """Return a function that opens the page of a new paired screen of the store `slug`, a fixture of the test's module.

    script: JavaScript that runs before the scripts of the page. program: the browser that opens the page.
    """
    contexts = []

    def open_paired(name: str, *, is_muted: bool = True, script: str = "", program: Browser = browser) -> Page:
        secret = topology.shell.call("pair_screen", store=slug, name=name, is_muted=is_muted)
        context = program.new_context()
        contexts.append(context)
        context.add_cookies([{"name": "screen", "value": secret, "url": topology.url}])
        page = context.new_page()
        page.add_init_script(script)
        page.goto(f"{topology.url}/s/{slug}/")
        expect(page.locator("body")).to_have_attribute("data-connection", "open")
        return page

    yield open_paired
    for context in contexts:
        context.close()
