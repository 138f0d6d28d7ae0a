"""A real browser while things die: screens come back by themselves, fall back by themselves, and no press is lost."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from cashier_local.ports import answers, wait_until
from tests.e2e.conftest import wait_for
from tests.support.topologies import add_store


@pytest.fixture
def topology(run_topology, tmp_path):
    with run_topology(tmp_path) as topology:
        yield topology


def screen_and_buttons(topology) -> tuple[str, str]:
    slug = add_store(topology)
    return f"{topology.url}/s/{slug}/", f"{topology.url}/s/{slug}/cashier_buttons"


def test_a_replica_killed_under_a_screen_is_not_seen_for_longer_than_5_s(topology, open_page, open_screen_page) -> None:
    screen_url, buttons_url = screen_and_buttons(topology)
    screens = [open_screen_page(screen_url) for _ in range(4)]
    buttons = open_page(buttons_url)
    topology.replicas[0].kill(signal.SIGKILL)
    killed = time.monotonic()
    buttons.keyboard.press("4")
    lost = [screen for screen in screens if screen.locator("body").get_attribute("data-connection") == "lost"]
    for screen in screens:
        expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=5000)
    assert time.monotonic() - killed < 5
    assert lost, "one of the screens was on that replica"

    buttons.keyboard.press("2")
    for screen in screens:
        expect(screen.locator(".number")).to_have_text("Nº2")
        expect(screen.locator("#offline")).to_be_hidden()


def test_redis_stopped_is_told_to_the_cashier_and_started_again_it_works(topology, open_page, open_screen_page) -> None:
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
    expect(screen.locator(".number")).to_have_text("Nº1", timeout=3000)
    expect(screen.locator("#message")).to_have_text("Please wait")


def test_with_everything_dead_the_screen_goes_back_to_waiting_and_the_press_says_not_sent(
    topology, open_page, open_screen_page
) -> None:
    screen_url, buttons_url = screen_and_buttons(topology)
    screen, buttons = open_screen_page(screen_url), open_page(buttons_url)
    buttons.keyboard.press("4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    shown = time.monotonic()
    with ThreadPoolExecutor() as pool:  # at once: one after the other takes seconds of the hold on a slow machine
        list(pool.map(lambda process: process.stop(signal.SIGKILL), topology.processes.values()))
    expect(screen.locator(".number")).to_have_text("Nº4")
    buttons.keyboard.press("2")
    expect(buttons.locator("#receipts li").first).to_have_text("Nº2 not sent: no connection")
    expect(screen.locator("#message")).to_have_text("Please wait", timeout=4000)
    assert time.monotonic() - shown < 4.5
    expect(screen.locator("#offline")).to_be_visible()

    for process in topology.processes.values():
        process.start()
    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=20_000)
    expect(screen.locator("#offline")).to_be_hidden()


def test_a_connection_that_is_dead_but_open_is_noticed_and_left(topology, browser) -> None:
    screen_url, _ = screen_and_buttons(topology)
    page = browser.new_page()
    page.clock.install()
    page.goto(screen_url)
    body = page.locator("body")
    expect(body).to_have_attribute("data-connection", "open")
    page.clock.run_for(16_000)
    expect(body).to_have_attribute("data-connection", "open")  # its heartbeat was answered
    for replica in topology.replicas:
        replica.kill(signal.SIGSTOP)
    page.clock.run_for(15_000)
    page.clock.run_for(6_000)
    expect(body).to_have_attribute("data-connection", "lost")

    for replica in topology.replicas:
        replica.kill(signal.SIGCONT)
    deadline = time.monotonic() + 20
    while body.get_attribute("data-connection") != "open":
        assert time.monotonic() < deadline
        page.clock.run_for(500)
    page.close()


def test_a_screen_whose_ticket_is_no_longer_known_takes_a_new_one_without_leaving_its_page(
    topology, open_page, open_screen_page
) -> None:
    screen_url, buttons_url = screen_and_buttons(topology)
    screen = open_screen_page(screen_url)
    screen.evaluate("window.same = true")
    for process in (topology.processes["web"], *topology.replicas):
        process.stop()
    (topology.folder / "ticket_key").write_text("a new ticket key " * 3)
    for process in (topology.processes["web"], *topology.replicas):
        process.start()

    wait_for(screen, "document.body.dataset.connection === 'lost'")
    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=40_000)
    # It is opened also for the refusal; only a screen with a good ticket is painted.
    buttons = open_page(buttons_url)
    while not screen.locator(".number").is_visible():
        buttons.keyboard.press("4")
        expect(buttons.locator("#receipts li").first).to_be_visible()
    expect(screen.locator(".number")).to_have_text("Nº4")
    assert screen.evaluate("window.same")


def test_a_process_that_dies_is_started_again_and_that_is_said(topology) -> None:
    for process in topology.processes.values():
        pid = process.pid
        process.kill(signal.SIGKILL)
        wait_until(lambda process=process, pid=pid: process.alive and process.pid != pid, 10, f"{process.name} is back")

        assert topology.log.has(f"{process.name} | died (signal 9) and is restarted")


def test_a_screen_that_is_switched_on_while_web_is_away_finds_its_way(topology, open_page) -> None:
    screen_url, _ = screen_and_buttons(topology)
    topology.processes["web"].stop()
    screen = open_page(screen_url)
    expect(screen.locator("body")).to_have_text("Please wait")
    topology.processes["web"].start()

    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=20_000)
