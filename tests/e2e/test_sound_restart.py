"""A screen has sound again after the audio system of its computer was restarted.

The tests use the complete Chromium, because only that has a process of its own for the audio system.
"""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from cashier_core import timeline
from cashier_core.call import Policy
from cashier_local.ports import wait_until
from tests.e2e.conftest import send_heartbeat, wait_for
from tests.e2e.test_sound import KIOSK, LISTEN, said
from tests.support.browser import chromium, launch

CONTEXTS = """(() => {
  const Context = AudioContext;
  window.contexts = [];
  window.AudioContext = class extends Context {
    constructor() { super(); contexts.push(this); }
  };
})()"""
CHECK_MS = 10_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch(KIOSK, path=chromium()) as browser:
        yield browser


def audio_services() -> list[int]:
    """Return the process ids of Chromium's audio services."""
    children = psutil.Process().children(recursive=True)
    return [each.pid for each in children if any("AudioService" in part for part in each.cmdline())]


@pytest.fixture
def slug(make_store) -> str:
    return make_store(language="fr")


@pytest.fixture
def screen(topology, slug, open_page) -> Page:
    page = open_page("about:blank", service_workers="block")
    page.add_init_script(LISTEN)
    page.add_init_script(CONTEXTS)
    page.clock.install()
    with page.expect_response("**/*.opus"):
        page.goto(f"{topology.url}/s/{slug}/")
    expect(page.locator("body")).to_have_attribute("data-connection", "open")
    wait_for(page, "contexts.length === 1 && contexts[0].state === 'running' && contexts[0].currentTime > 0")
    return page


def call(topology, slug: str, till: int) -> None:
    calls = timeline.Timeline(timeline.connect(topology.redis_url))
    calls.press(slug, till, "fr", idle_language="fr", hold_ms=60_000, policy=Policy.REPLACE)


def expect_spoken(screen: Page, till: int) -> None:
    wait_for(screen, "contexts.at(-1).state === 'running'")
    wait_for(screen, "sounds.length >= 3 && sounds.at(-1).context === contexts.at(-1)")
    assert said(screen)[-3:] == ["", "", f"Caisse numéro {till}, s’il vous plaît"]


def test_a_call_after_a_restart_of_the_audio_system_is_spoken(topology, slug, screen) -> None:
    services = audio_services()
    assert services
    for pid in services:
        os.kill(pid, signal.SIGKILL)
    wait_for(screen, "contexts[0].state !== 'running'")
    call(topology, slug, 4)

    expect_spoken(screen, 4)
    assert screen.evaluate("contexts.map(({ state }) => state)") == ["closed", "running"]


def test_a_broken_context_is_replaced_before_the_next_call(screen) -> None:
    wait_until(audio_services, 20, "Chromium has an audio service")
    for pid in audio_services():
        os.kill(pid, signal.SIGKILL)
    wait_for(screen, "contexts[0].state !== 'running'")
    screen.clock.run_for(CHECK_MS)

    wait_for(screen, "contexts.length === 2 && contexts[1].currentTime > 0")


def let_the_clock_stand(screen: Page, index: int) -> None:
    """Let the audio clock of a context stand still while its state is "running", as older browsers do."""
    screen.evaluate(
        "(index) => Object.defineProperty(contexts[index], 'currentTime', { value: contexts[index].currentTime })",
        index,
    )


def test_a_standing_audio_clock_is_noticed_at_the_next_check(screen) -> None:
    let_the_clock_stand(screen, 0)
    screen.clock.run_for(2 * CHECK_MS)

    wait_for(screen, "contexts.length === 2 && contexts[1].currentTime > 0")


def test_a_standing_audio_clock_is_noticed_at_a_call(topology, slug, screen) -> None:
    screen.clock.run_for(CHECK_MS)
    let_the_clock_stand(screen, 0)
    screen.clock.run_for(CHECK_MS)
    call(topology, slug, 2)

    expect_spoken(screen, 2)


def test_if_every_context_stands_still_new_ones_are_created_later_and_later(screen) -> None:
    screen.evaluate("Object.defineProperty(BaseAudioContext.prototype, 'currentTime', { value: 0 })")
    for _ in range(30):
        screen.clock.fast_forward(CHECK_MS)
    early = screen.evaluate("contexts.length")
    for _ in range(180):
        screen.clock.fast_forward(CHECK_MS)
    late = screen.evaluate("contexts.length") - early

    assert 3 <= early <= 8
    assert 2 <= late <= 4


@pytest.mark.serial  # While other tests use both cores, the browser's audio clock may stand still.
def test_a_working_context_is_kept(screen) -> None:
    for _ in range(5):
        screen.clock.fast_forward(CHECK_MS)
        send_heartbeat(screen)
        checked_at = screen.evaluate("contexts[0].currentTime")
        # The next check takes the context for broken if the audio clock has not moved since this check.
        wait_for(screen, f"contexts[0].currentTime > {checked_at}")

    assert screen.evaluate("contexts.length") == 1
