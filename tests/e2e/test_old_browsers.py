"""A screen works in a browser that has only the functions of Chromium 80. Older browsers are told on /pair.

tests/docs/test_old_browsers.py checks the syntax of the scripts.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cashier_core import timeline
from cashier_core.call import Policy
from tests.e2e.conftest import wait_for
from tests.support.topologies import change_store

NAMES = (Path(__file__).parents[1] / "support/chromium_80.json").read_text()
"""The names of all properties of the objects that scripts use, as the real Chromium 80 has them.

They were read with QtWebEngine 5.15.0, which contains Chromium 80.0.3987."""
# JavaScript that removes all properties that NAMES does not contain. Properties that begin with two underscores stay,
# because Playwright needs them.
REDUCE = """((names) => {
  for (const [path, text] of Object.entries(names)) {
    const [name, prototype] = path.split(".");
    const owner = prototype ? window[name]?.prototype : window[name];
    const known = new Set([...text.split(" "), "length", "name", "prototype", "arguments", "caller"]);
    for (const each of owner ? Object.getOwnPropertyNames(owner) : []) {
      if (!known.has(each) && !each.startsWith("__")) delete owner[each];
    }
  }
})(%s)"""
TOO_OLD = {"/pair": "zu alt, um Aufrufe zu zeigen", "/": "This browser is too old to show calls."}
"""/pair is in the language of the browser, and a screen is in the language of its store."""


@pytest.fixture
def old_page(open_page) -> Page:
    page = open_page("about:blank", service_workers="block")
    page.add_init_script(REDUCE % NAMES)
    return page


@pytest.fixture
def broken_page(browser) -> Iterator[Page]:
    """A page whose scripts may throw exceptions."""
    page = browser.new_page(locale="de", service_workers="block")
    yield page
    page.context.close()


def test_a_screen_works_with_the_functions_of_chromium_80(topology, make_store, old_page) -> None:
    slug = make_store(shows_recent=True, name="Before")
    old_page.goto(f"{topology.url}/s/{slug}/")
    expect(old_page.locator("body")).to_have_attribute("data-connection", "open")
    newer = ("AbortSignal.timeout", "Element.prototype.replaceChildren", "window.structuredClone", "[].at")
    assert [old_page.evaluate(f"typeof {each}") for each in newer] == ["undefined"] * len(newer)
    expect(old_page.locator("#clock")).not_to_have_text("")

    calls = timeline.Timeline(timeline.connect(topology.redis_url))
    for till in (4, 2):
        calls.press(slug, till, "en", idle_language="en", hold_ms=1_000, policy=Policy.REPLACE)
        expect(old_page.locator(".number")).to_have_text(f"Nº{till}")
    expect(old_page.locator(".waiting")).to_have_text("Please wait")
    expect(old_page.locator("#recent li").first).to_be_visible()

    # The page fetches itself again, for a new appearance and for a new ticket.
    change_store(topology, slug, name="After")
    expect(old_page.locator("#name")).to_have_text("After")
    expect(old_page.locator("#old-browser")).to_be_hidden()


def test_a_browser_that_is_new_enough_can_be_paired(topology, old_page) -> None:
    old_page.goto(f"{topology.url}/pair")

    expect(old_page.locator(".code")).to_have_text(re.compile(r"^\w{3} \w{3}$"))
    expect(old_page.locator("#old-browser")).to_be_hidden()


@pytest.mark.parametrize("path", ["/pair", "/"])
@pytest.mark.parametrize("missing", ["AbortController", "queueMicrotask", "fetch"])
def test_a_browser_without_a_needed_function_is_told_before_it_is_paired(topology, broken_page, path, missing) -> None:
    page = broken_page
    page.add_init_script(f"delete window.{missing}")
    page.goto(f"{topology.url}{path}")

    expect(page.get_by_role("alert")).to_contain_text(TOO_OLD[path])
    expect(page.locator(".code, #message")).to_have_count(0)


@pytest.mark.parametrize(("path", "script"), [("/pair", "htmx-2"), ("/", "htmx-2"), ("/", "screen/fragment")])
def test_a_browser_that_cannot_read_the_syntax_of_a_script_is_told(topology, broken_page, path, script) -> None:
    page = broken_page
    page.route(
        re.compile(f"{script}.*js"),
        lambda route: route.fulfill(content_type="text/javascript", body="this is newer syntax"),
    )
    page.goto(f"{topology.url}{path}")

    expect(page.get_by_role("alert")).to_contain_text(TOO_OLD[path])


def test_a_script_that_could_not_be_loaded_does_not_make_a_browser_too_old(topology, broken_page) -> None:
    page = broken_page
    page.route(re.compile("htmx-2"), lambda route: route.abort())
    page.goto(f"{topology.url}/pair")

    expect(page.locator(".code")).to_be_visible()
    expect(page.locator("#old-browser")).to_be_hidden()


def test_the_names_are_those_of_chromium_80(topology, old_page) -> None:
    names = json.loads(NAMES)
    assert "replaceChildren" not in names["Element.prototype"].split()
    assert "replaceWith" in names["Element.prototype"].split()
    old_page.goto(f"{topology.url}/static/")
    wait_for(old_page, "typeof Promise.allSettled === 'function' && typeof Promise.any === 'undefined'")
