"""A screen in a store runs for months without help.

It can start without a server, it reconnects after a long outage, and it loads a new version by itself.
"""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from cashier_local.ports import responds, wait_until
from tests.e2e.conftest import wait_for
from tests.support.browser import chromium, launch
from tests.support.topologies import add_store

IS_CACHED = "caches.match(location.pathname, { cacheName: 'screen' }).then(Boolean)"
ONLY_NEW_VERSION_IS_CACHED = """
    caches.open('screen').then((cache) => cache.keys()).then((requests) => {
      const styles = requests.map(({ url }) => url).filter((url) => /screen[^/]*css$/.test(url));
      return styles.length === 1 && styles[0].endsWith('screen.new.css');
    })"""
"""JavaScript that returns whether the cache contains only the stylesheet of the new version.

The page deletes the parts of the old version from the cache after it has stored the page of the new version."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The complete Chromium. Its headless shell, which other tests use, cannot tell whether a page may be installed."""
    with launch(path=chromium()) as browser:
        yield browser


@pytest.fixture
def topology(topology_to_break):
    return topology_to_break


@pytest.fixture
def screen_url(topology) -> str:
    """The address of the screen of a new store. The calls of other tests do not appear on this screen."""
    return f"{topology.url}/s/{add_store(topology, hold_seconds=8)}/"


def expect_idle(screen: Page, connection: str) -> None:
    expect(screen.locator(".waiting")).to_have_text("Please wait")
    expect(screen.locator("body")).to_have_attribute("data-connection", connection, timeout=30_000)
    expect(screen.locator("#offline")).to_be_visible(visible=connection == "lost")


def press(screen_url: str, open_page, key: str) -> None:
    buttons = open_page(f"{screen_url}cashier_buttons")
    # The test waits for the buttons for up to 30 s, because web may still be starting.
    expect(buttons.locator("#press")).to_be_visible(timeout=30_000)
    # The buttons are visible before the page's scripts, which handle keys, are loaded.
    buttons.wait_for_load_state("load")
    buttons.keyboard.press(key)
    expect(buttons.locator("#receipts li")).to_have_count(1)


def install_new_version(topology, rule: str) -> None:
    """Install a new version of web, whose stylesheet for screens has one more CSS rule. web uses it after a restart."""
    static = topology.folder / "nginx" / "site" / "static"
    manifest = json.loads((static / "staticfiles.json").read_text())
    style = static / manifest["paths"]["cashier_web/screen/screen.css"]
    (static / "cashier_web" / "screen" / "screen.new.css").write_text(style.read_text() + rule)
    manifest["paths"]["cashier_web/screen/screen.css"] = "cashier_web/screen/screen.new.css"
    (static / "staticfiles.json").write_text(json.dumps({**manifest, "hash": "new"}))


def test_a_screen_that_boots_before_its_server_says_please_wait_and_connects_later(
    topology, screen_url, open_page, open_screen_page
) -> None:
    screen = open_screen_page(screen_url)
    wait_for(screen, IS_CACHED)
    topology.processes["nginx"].stop()
    screen.close()
    booted = screen.context.new_page()
    booted.goto(screen_url)
    expect_idle(booted, "lost")

    topology.processes["nginx"].start()
    expect_idle(booted, "open")
    press(screen_url, open_page, "4")
    expect(booted.locator(".number")).to_have_text("Nº4")


def test_a_screen_connects_again_after_ten_minutes_without_a_server(topology, screen_url, open_page) -> None:
    screen = open_page("about:blank")
    screen.clock.install()
    screen.goto(screen_url)
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
    press(screen_url, open_page, "4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    topology.processes["nginx"].stop()
    expect(screen.locator("body")).to_have_attribute("data-connection", "lost")
    for _ in range(60):
        screen.clock.run_for(10_000)
    expect_idle(screen, "lost")

    topology.processes["nginx"].start()
    screen.clock.resume()
    expect_idle(screen, "open")
    press(screen_url, open_page, "2")
    expect(screen.locator(".number")).to_have_text("Nº2")


def test_a_new_version_is_loaded_between_calls_and_cached_for_the_next_boot(topology, screen_url, open_page) -> None:
    screen = open_page("about:blank")
    # A screen waits for a random time of up to a minute before it loads a new version. This replacement of Math.random
    # makes the random time short.
    screen.add_init_script("Math.random = () => 0.001")
    screen.goto(screen_url)
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
    wait_for(screen, IS_CACHED)
    screen.evaluate("window.isOldPage = true")
    install_new_version(topology, "#name { letter-spacing: 7px; }")
    # tasks must not keep the old version, because its periodic task would announce the old version again.
    for name in ("web", "tasks"):
        topology.processes[name].stop()
        topology.processes[name].start()
    wait_until(lambda: responds(f"http://127.0.0.1:{topology.web_port}/healthz"), 60, "web answers")
    press(screen_url, open_page, "4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    # In production, a periodic task announces a new version to the screens once a minute. The test does not wait for
    # this task, and calls the task's function itself.
    topology.manage("shell", "--command", "from cashier_web.screens import announce; announce.announce_differences()")
    assert screen.evaluate("window.isOldPage")
    assert screen.locator(".number").is_visible()

    expect(screen.locator("#name")).to_have_css("letter-spacing", "7px", timeout=30_000)
    expect_idle(screen, "open")
    wait_for(screen, ONLY_NEW_VERSION_IS_CACHED)
    topology.processes["nginx"].stop()
    screen.reload()
    expect_idle(screen, "lost")
    expect(screen.locator("#name")).to_have_css("letter-spacing", "7px")


def test_a_screen_may_be_installed(screen_url, open_screen_page) -> None:
    screen = open_screen_page(screen_url)
    session = screen.context.new_cdp_session(screen)
    manifest = session.send("Page.getAppManifest")

    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["display"] == "fullscreen"
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [error["errorId"] for error in errors] == ["in-incognito"], (
        "the only error must be that Playwright opens every page in a private window"
    )
