"""The pages consist of parts: JavaScript modules and stylesheets. The name of each part contains a hash
of its content.

A screen that could not load one of its parts reloads itself.
"""

import re
from urllib.parse import urljoin

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import wait_for

IMPORT = re.compile(r"""^(?:import|export)\b[^"'=;]*["']([^"']+)["']""", re.MULTILINE)
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")
OWN_GLOBALS = "Object.getOwnPropertyNames(window)"
# JavaScript that returns whether the cache of the service worker contains the page and all its parts.
IS_ENTIRELY_CACHED = """caches.open("screen").then(async (cache) => {
  const kept = (await cache.keys()).map(({ url }) => url);
  const parts = [...document.querySelectorAll("[src], link:not([rel=manifest])")].map((part) => part.src || part.href);
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const needed = [...parts, ...loaded.filter((name) => name.endsWith(".js") && !name.endsWith("/worker.js"))];
  return kept.includes(location.href) && needed.every((url) => kept.includes(url));
})"""


@pytest.fixture
def slug(make_store) -> str:
    return make_store()


def imports_below(client: httpx.Client, address: str) -> set[str]:
    """Return the addresses of all modules that the module at `address` imports, directly or through other modules."""
    response = client.get(address)
    assert response.status_code == 200, address
    found = {urljoin(address, each) for each in IMPORT.findall(response.text)}
    return found.union(*(imports_below(client, each) for each in found))


def lose_at_first(page: Page, part: str) -> tuple[list[str], list[str]]:
    """Abort all requests for one part of the page, for example a module, until the page is loaded again.

    Returns two lists, which are filled later: the addresses of the aborted requests, and the addresses of the loaded
    pages.
    """
    lost: list[str] = []
    pages: list[str] = []

    def abort_at_first(route: Route) -> None:
        if len(pages) > 1:
            return route.continue_()
        lost.append(route.request.url)
        return route.abort()

    page.on("request", lambda request: request.is_navigation_request() and pages.append(request.url))
    page.route(re.compile(re.escape(part)), abort_at_first)
    return lost, pages


def test_every_module_is_imported_by_its_hashed_name_and_fetched_at_once(topology) -> None:
    with httpx.Client(base_url=topology.url) as client:
        page = client.get("/").text
        (main,) = re.findall(r'<script src="([^"]+)" type="module">', page)
        preloaded = re.findall(r'<link rel="modulepreload" href="([^"]+)">', page)
        imported = imports_below(client, main)

    assert len(imported) > 10
    assert all(HASHED.search(address) for address in {main, *imported})
    assert sorted(imported) == sorted(preloaded)


@pytest.mark.parametrize(
    "part",
    ["django_htmx/htmx-2.", "django_htmx/ext/hx-ws-2.", "screen/main.", "screen/fragment.", "screen/screen."],
)
def test_a_screen_that_lost_one_of_its_parts_reloads_itself(topology, slug, open_page, part) -> None:
    screen = open_page("about:blank")
    lost, pages = lose_at_first(screen, part)
    screen.goto(f"{topology.url}/s/{slug}/")

    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=15_000)
    assert lost
    assert len(pages) == 2
    if part == "django_htmx/htmx-2.":
        # Without htmx, the websocket extension of htmx throws the error "htmx is not defined". The fixture `open_page`
        # fails if an error is left in `errors`, so `pop` removes the expected error.
        assert open_page.errors.pop() == "htmx is not defined"


def test_a_screen_without_its_watchdog_does_not_connect(topology, slug, open_page) -> None:
    screen = open_page("about:blank")
    screen.route(re.compile("screen/watchdog"), lambda route: route.abort())
    screen.goto(f"{topology.url}/s/{slug}/")

    assert screen.evaluate("window.htmx !== undefined && document.body.getAttribute('ws-connect') === null")
    expect(screen.locator("body")).to_have_attribute("data-connection", "lost")


@pytest.mark.parametrize("path", ["", "cashier_buttons"])
def test_htmx_is_the_only_global_variable_of_the_pages(topology, slug, open_page, path) -> None:
    # The test subtracts the global variables of the browser itself. It reads them from the page at /static/, because
    # this page runs no scripts.
    page = open_page(f"{topology.url}/static/")
    before = set(page.evaluate(OWN_GLOBALS))
    page.goto(f"{topology.url}/s/{slug}/{path}")
    wait_for(page, "document.readyState === 'complete' && window.htmx")

    assert set(page.evaluate(OWN_GLOBALS)) - before == {"htmx"}


def test_all_parts_of_a_screen_are_cached_for_a_boot_without_a_server(topology, slug, open_screen_page) -> None:
    screen = open_screen_page(f"{topology.url}/s/{slug}/")
    wait_for(screen, IS_ENTIRELY_CACHED)
    screen.context.route("**/*", lambda route: route.abort())
    screen.context.set_offline(True)
    screen.reload()

    # The module clock.js writes the time into the element `#clock`. If the element is not empty, the module was in the
    # cache and has run.
    expect(screen.locator("#clock")).not_to_have_text("")
    assert screen.evaluate(f"{IS_ENTIRELY_CACHED}")
    screen.context.unroute_all()
    screen.context.set_offline(False)
    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=30_000)
