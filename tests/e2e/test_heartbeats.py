"""The page of a screen notices a dead connection by silence, and sends pings only to servers without heartbeats."""

import signal
import time

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from cashier_local.ports import wait_until
from tests.e2e.conftest import wait_until as wait_until_in
from tests.support.topologies import add_store

PERIOD_MS, PING_MS = 15_000, 20_000


@pytest.fixture
def topology(topology_to_break):
    return topology_to_break


def open_with_pings(topology, page: Page) -> list[str]:
    """Open a screen. Returns a list to which each ping that the page sends is added."""
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frame == "ping" and sent.append(frame)))
    page.goto(f"{topology.url}/s/{add_store(topology)}/")
    expect(page.locator("body")).to_have_attribute("data-connection", "open")
    return sent


def test_a_page_that_gets_heartbeats_sends_no_pings(topology, open_page) -> None:
    page = open_page("about:blank")
    page.clock.install()
    heartbeats: list[object] = []
    page.on(
        "websocket", lambda socket: socket.on("framereceived", lambda frame: frame == "pong" and heartbeats.append(1))
    )
    sent = open_with_pings(topology, page)
    wait_until_in(page, lambda: bool(heartbeats), "the replica has sent a heartbeat", PERIOD_MS / 1000 + 5)
    page.clock.fast_forward(PING_MS + 2_000)
    page.wait_for_timeout(1_000)

    assert sent == []
    expect(page.locator("body")).to_have_attribute("data-connection", "open")


def test_a_page_sends_pings_to_a_server_that_sends_no_heartbeats(topology, open_page) -> None:
    """A replica of version 0.1.0 sends `pong` only as the answer to a ping."""
    page = open_page("about:blank")
    pings: list[float] = []
    answers = 0

    def behave_like_an_old_replica(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(message: str) -> None:
            if message == "ping":
                pings.append(time.monotonic())
            server.send(message)

        def to_page(message: str) -> None:
            nonlocal answers
            if message != "pong":
                socket.send(message)
            elif answers < len(pings):
                answers += 1
                socket.send(message)

        socket.on_message(to_server)
        server.on_message(to_page)

    page.clock.install()
    page.route_web_socket("**/ws/**", behave_like_an_old_replica)
    page.goto(f"{topology.url}/s/{add_store(topology)}/")
    expect(page.locator("body")).to_have_attribute("data-connection", "open")
    for number in (1, 2):
        page.clock.fast_forward(PING_MS + 1_000)
        wait_until_in(page, lambda number=number: answers == number, "the page has sent a ping", 5)

    assert len(pings) == 2
    expect(page.locator("body")).to_have_attribute("data-connection", "open")


def test_a_screen_whose_replica_hangs_shows_no_stale_number_and_uses_another_replica(topology, open_page) -> None:
    slug = add_store(topology)
    screen, buttons = open_page(f"{topology.url}/s/{slug}/"), open_page(f"{topology.url}/s/{slug}/cashier_buttons")
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
    buttons.keyboard.press("4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    pids = [replica.pid for replica in topology.replicas]
    screen.evaluate("document.addEventListener('htmx:wsOpen', () => { document.body.dataset.reopened = 'yes'; })")
    lines_before = len(topology.log.lines)
    # The test does not know which replica has the screen. Therefore both hang, and each must be replaced.
    for replica in topology.replicas:
        replica.kill(signal.SIGSTOP)
    expect(screen.locator("#message")).to_have_text("Please wait", timeout=4_000)

    expect(screen.locator("body")).to_have_attribute("data-reopened", "yes", timeout=60_000)
    wait_until(
        lambda: all(replica.pid != pid for replica, pid in zip(topology.replicas, pids, strict=True)),
        60,
        "both replicas were replaced",
    )
    assert topology.log.has("this replica hangs, and is killed", lines_before)
    buttons.keyboard.press("2")
    expect(screen.locator(".number")).to_have_text("Nº2")
