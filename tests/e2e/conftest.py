"""Pages of a real browser, and raw screens, on a whole topology."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.support.browser import launch

expect.set_options(timeout=10_000)


# Of a module, not of the session: while Playwright's loop lives in this thread, no other may run in it.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as browser:
        yield browser


@pytest.fixture
def open_page(browser) -> Iterator:
    """Opens pages, each in a context (cookies, cache) of its own.

    Fails the test for any exception in them and for whatever their CSP had to block.
    """
    contexts, faults = [], []

    def open_page(url: str, **options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: "Content Security Policy" in message.text and faults.append(message.text))
        page.goto(url)
        return page

    open_page.faults = faults
    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def evaluates(page: Page, expression: str) -> bool:
    try:
        return bool(page.evaluate(expression))
    except Error as fault:
        if "context was destroyed" in str(fault):
            return False  # the page was just leaving for another
        raise


def wait_for(page: Page, expression: str, seconds: float = 10) -> None:
    """Wait until a JavaScript expression is true; Playwright's own way needs an eval that the pages' CSP forbids."""
    deadline = time.monotonic() + seconds
    while not evaluates(page, expression):
        assert time.monotonic() < deadline, f"not within {seconds} s: {expression}"
        page.wait_for_timeout(20)


@pytest.fixture
def open_screen_page(open_page):
    """Opens a store's screen and waits until its websocket is open."""

    def open_screen_page(url: str, **options) -> Page:
        page = open_page(url, **options)
        expect(page.locator("body")).to_have_attribute("data-connection", "open")
        return page

    return open_screen_page
