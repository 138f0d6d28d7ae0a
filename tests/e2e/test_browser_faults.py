"""Real browsers show pages while processes of the topology are killed or stopped.

Screens reconnect, numbers disappear in time, and each press gets an answer.
"""

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from cashier_local.ports import answers, wait_until
from tests.e2e.conftest import wait_for
from tests.support.topologies import add_store


@pytest.fixture
def topology(topology_to_break):
    return topology_to_break


def screen_and_buttons(topology, **fields: object) -> tuple[str, str]:
    slug = add_store(topology, **fields)
    return f"{topology.url}/s/{slug}/", f"{topology.url}/s/{slug}/cashier_buttons"


def wait_for_any(pages: list[Page], expression: str) -> None:
    """Wait until a JavaScript expression is true in at least one of the pages."""
    deadline = time.monotonic() + 20
    while not any(page.evaluate(expression) for page in pages):
        assert time.monotonic() < deadline, f"not true in any page within 20 s: {expression}"
        pages[0].wait_for_timeout(20)


def test_screens_of_a_killed_replica_reconnect_and_show_the_next_call(topology, open_page, open_screen_page) -> None:
    screen_url, buttons_url = screen_and_buttons(topology)
    screens = [open_screen_page(screen_url) for _ in range(4)]
    buttons = open_page(buttons_url)
    for screen in screens:
        screen.evaluate("document.addEventListener('htmx:wsClose', () => { document.body.dataset.closed = 'yes'; })")
    topology.replicas[0].kill(signal.SIGKILL)
    # Nginx distributes the four screens over both replicas. Therefore at least one screen loses its connection when the
    # first replica is killed.
    wait_for_any(screens, "document.body.dataset.closed === 'yes'")
    for screen in screens:
        expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=20_000)

    buttons.keyboard.press("2")
    for screen in screens:
        expect(screen.locator(".number")).to_have_text("Nº2")
        expect(screen.locator("#offline")).to_be_hidden()


def test_the_cashier_is_told_that_redis_is_stopped_and_can_press_after_its_start(
    topology, open_page, open_screen_page
) -> None:
    screen_url, buttons_url = screen_and_buttons(topology)
    screen, buttons = open_screen_page(screen_url), open_page(buttons_url)
    buttons.keyboard.press("4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    topology.processes["redis"].stop(signal.SIGKILL)
    buttons.keyboard.press("2")
    expect(buttons.locator("#receipts li").first).to_have_text(
        "Nº2 was not called: the screens cannot be reached at the moment."
    )
    expect(screen.locator("#message")).to_have_text("Please wait")

    topology.processes["redis"].start()
    wait_until(lambda: answers(urlsplit(topology.redis_url).port), 10, "Redis answers")
    buttons.keyboard.press("1")
    expect(buttons.locator("#receipts li").first).to_have_text("Nº1 called")
    expect(screen.locator(".number")).to_have_text("Nº1")
    expect(screen.locator("#message")).to_have_text("Please wait")


def test_a_press_that_reaches_redis_only_after_its_timeout_is_reported_and_calls_nobody(
    topology, open_page, open_screen_page
) -> None:
    screen_url, buttons_url = screen_and_buttons(topology)
    screen, buttons = open_screen_page(screen_url), open_page(buttons_url)
    topology.processes["redis"].kill(signal.SIGSTOP)
    try:
        buttons.keyboard.press("2")
        # If web has read the clock of Redis within the last second, web sends the press, and gets no answer. Otherwise
        # web gets no answer when it reads the clock, and does not send the press.
        reported = re.compile("^Nº2 (possibly not called|was not called)")
        expect(buttons.locator("#receipts li")).to_have_text([reported])
    finally:
        topology.processes["redis"].kill(signal.SIGCONT)

    buttons.keyboard.press("3")
    expect(buttons.locator("#receipts li").first).to_have_text("Nº3 called")
    expect(screen.locator(".number")).to_have_text("Nº3")


def test_without_any_server_the_page_removes_the_number_and_reports_that_the_press_has_possibly_failed(
    topology, open_page, open_screen_page
) -> None:
    """The test sets the clock of the screen's page, so that it can check when exactly the page removes the number."""
    screen_url, buttons_url = screen_and_buttons(topology, hold_seconds=60)
    screen, buttons = open_page("about:blank"), open_page(buttons_url)
    screen.clock.install()
    screen.goto(screen_url)
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
    screen.evaluate("document.addEventListener('screen:shown', () => { window.shownAt = Date.now(); })")
    buttons.keyboard.press("4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    shown_at, hold_ms = screen.evaluate("[shownAt, Number(document.getElementById('message').dataset.holdMs)]")
    # The page's clock stands still while the processes are stopped, because this may take long on a busy machine.
    screen.clock.pause_at(screen.evaluate("Date.now()") / 1000 + 1)
    # Nginx is stopped first. Otherwise the screen could connect again to a replica that still runs, but cannot read the
    # call, because Redis does not run any more. Such a replica shows "Please wait".
    topology.processes["nginx"].stop()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda process: process.stop(signal.SIGKILL), topology.processes.values()))
    buttons.keyboard.press("2")
    # The page cannot find out whether a server has received the press before it was killed.
    expect(buttons.locator("#receipts li").first).to_have_text("Nº2 possibly not called: look at the screen")

    screen.clock.pause_at((shown_at + hold_ms + 400) / 1000)
    expect(screen.locator(".number")).to_have_text("Nº4")
    # Without a server, the page itself removes a number half a second after the end of its hold.
    screen.clock.run_for(200)
    expect(screen.locator("#message")).to_have_text("Please wait")
    expect(screen.locator("#offline")).to_be_visible()

    for process in topology.processes.values():
        process.start()
    screen.clock.resume()
    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=20_000)
    expect(screen.locator("#offline")).to_be_hidden()


def test_a_page_closes_a_connection_on_which_nothing_arrives(topology, browser) -> None:
    screen_url, _ = screen_and_buttons(topology)
    page = browser.new_page()
    page.clock.install()
    page.goto(screen_url)
    body = page.locator("body")
    expect(body).to_have_attribute("data-connection", "open")
    try:
        for replica in topology.replicas:
            replica.kill(signal.SIGSTOP)
        page.clock.run_for(41_000)
        expect(body).to_have_attribute("data-connection", "lost")
    finally:
        for replica in topology.replicas:
            replica.kill(signal.SIGCONT)
    deadline = time.monotonic() + 20
    while body.get_attribute("data-connection") != "open":
        assert time.monotonic() < deadline, "the page did not reconnect"
        page.clock.run_for(500)
    page.close()


def test_a_screen_with_an_unknown_ticket_gets_a_new_ticket_without_a_reload(
    topology, open_page, open_screen_page
) -> None:
    screen_url, buttons_url = screen_and_buttons(topology)
    screen = open_screen_page(screen_url)
    screen.evaluate("window.isSamePage = true")
    for process in (topology.processes["web"], *topology.replicas):
        process.stop()
    (topology.folder / "ticket_key").write_text("a new ticket key " * 3)
    for process in (topology.processes["web"], *topology.replicas):
        process.start()

    wait_for(screen, "document.body.dataset.connection === 'lost'")
    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=40_000)
    # The test presses until the screen shows a call, because only a screen with a valid ticket shows calls. An open
    # connection does not prove that the ticket is valid: the server opens the connection before it refuses a ticket.
    buttons = open_page(buttons_url)
    deadline = time.monotonic() + 60
    while not screen.locator(".number").is_visible():
        assert time.monotonic() < deadline, "no call was shown"
        buttons.keyboard.press("4")
        expect(buttons.locator("#receipts li").first).to_be_visible()
    expect(screen.locator(".number")).to_have_text("Nº4")
    assert screen.evaluate("window.isSamePage")


def test_a_process_that_dies_is_logged_and_restarted(topology) -> None:
    for process in topology.processes.values():
        pid, lines_before = process.pid, len(topology.log.lines)
        process.kill(signal.SIGKILL)
        wait_until(lambda process=process, pid=pid: process.alive and process.pid != pid, 20, f"{process.name} is back")

        assert topology.log.has(f"{process.name} | died (signal 9) and is restarted", lines_before)


def test_a_screen_that_is_opened_while_web_is_stopped_connects_when_web_is_back(topology, open_page) -> None:
    screen_url, _ = screen_and_buttons(topology)
    topology.processes["web"].stop()
    screen = open_page(screen_url)
    expect(screen.locator("h1")).to_have_text("Please wait")
    topology.processes["web"].start()

    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=40_000)
