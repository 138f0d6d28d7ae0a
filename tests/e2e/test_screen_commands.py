"""A manager can show the name of one screen, load its page again, or make a test call. No command covers a call."""

import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import wait_for

AT_THE_CENTRE = "document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('#message, #overlay').id"

NOTE_COMMANDS = """() => {
  window.commands = [];
  window.shown = 0;
  const isCallShown = () => "numCashier" in document.getElementById("message").dataset;
  document.addEventListener("screen:command", () => commands.push(isCallShown()));
  new MutationObserver(() => { if (!overlay.hidden) shown += 1; }).observe(overlay, { attributeFilter: ["hidden"] });
}"""
"""Notes for each command whether a call was shown, and counts how often the text of a command was shown."""
NOTE_WHEN_IT_IS_LEFT = """() => {
  window.isOld = true;
  addEventListener("pagehide", () => {
    sessionStorage.leftDuringCall = "numCashier" in document.getElementById("message").dataset;
  });
}"""


@pytest.fixture
def slug(make_store) -> str:
    return make_store(language="es")


@pytest.fixture
def names() -> tuple[str, str]:
    return f"Entrance {secrets.token_hex(3)}", f"Café {secrets.token_hex(3)}"


@pytest.fixture
def screens(names, open_paired) -> list[Page]:
    return [open_paired(name) for name in names]


@pytest.fixture
def command(topology, names):
    """Return a function that sends a command to the first screen."""
    return lambda action: topology.shell.call("command_screen", name=names[0], command=action)


@pytest.fixture
def press(topology, slug):
    """Return a function that makes a call in the store of both screens, which is shown for three seconds."""
    return lambda till: topology.shell.call("press", store=slug, till=till)


def test_one_screen_shows_its_name_but_never_over_a_call(screens, names, command, press) -> None:
    first, other = screens
    command("identify")
    expect(first.locator("#overlay")).to_have_text(names[0])
    assert first.evaluate(AT_THE_CENTRE) == "overlay"
    press(4)
    expect(first.locator(".number")).to_be_visible()
    assert first.evaluate(AT_THE_CENTRE) == "message"
    expect(first.locator(".waiting")).to_be_visible()
    assert first.evaluate(AT_THE_CENTRE) == "overlay", "the name is shown again after the call"

    expect(other.locator("#overlay")).to_be_hidden()


def test_one_screen_makes_a_test_call_but_not_during_a_call(screens, command, press) -> None:
    first, other = screens
    for each in screens:
        each.evaluate(NOTE_COMMANDS)
    command("test")
    expect(first.locator("#overlay")).to_have_text("Prueba")
    press(2)
    expect(first.locator(".number")).to_be_visible()
    assert first.evaluate(AT_THE_CENTRE) == "message"
    command("test")
    wait_for(first, "commands.length === 2")
    expect(first.locator(".waiting")).to_be_visible()
    expect(first.locator("#overlay")).to_be_hidden()

    assert first.evaluate("[commands, shown]") == [[False, True], 1], "the second test came during the call"
    assert other.evaluate("[commands, shown]") == [[], 0]


def test_one_screen_loads_its_page_again_but_not_during_a_call(screens, command, press) -> None:
    first, other = screens
    for each in screens:
        each.evaluate("window.isOld = true")
    command("reload")
    wait_for(first, "!window.isOld && document.body?.dataset.connection === 'open'")
    first.evaluate(NOTE_WHEN_IT_IS_LEFT)
    press(4)
    expect(first.locator(".number")).to_be_visible()
    command("reload")
    wait_for(first, "!window.isOld && document.body?.dataset.connection === 'open'")

    assert first.evaluate("sessionStorage.leftDuringCall") == "false"
    assert other.evaluate("window.isOld")
