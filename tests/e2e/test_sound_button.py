"""An ordinary browser, unlike that of a kiosk, plays no sound before somebody touches the page.

The page therefore shows a button that turns on the sound. It shows the button only once.
"""

from playwright.sync_api import expect

from tests.e2e.conftest import wait_for

LISTEN = """(() => {
  const Context = AudioContext;
  window.AudioContext = class extends Context {
    constructor() { super(); window.audio = this; }
  };
})()"""


def open_listening(open_page, url: str):
    page = open_page("about:blank")
    page.add_init_script(LISTEN)
    page.clock.install()
    page.goto(url)
    expect(page.locator("body")).to_have_attribute("data-connection", "open")
    return page


def test_a_touch_turns_the_sound_on_and_the_button_does_not_come_back(topology, make_store, open_page) -> None:
    screen = open_listening(open_page, f"{topology.url}/s/{make_store()}/")
    button = screen.get_by_role("button", name="Turn on sound")
    expect(button).to_be_visible()
    assert screen.evaluate("audio.state") == "suspended"

    button.click()
    expect(button).to_be_hidden()
    wait_for(screen, "audio.state === 'running'")
    screen.evaluate("audio.isOld = true; location.reload()")
    wait_for(screen, "window.audio && !audio.isOld && audio.state === 'running'")


def test_a_button_that_nobody_touches_disappears_after_a_minute_and_does_not_come_back(
    topology, make_store, open_page
) -> None:
    screen = open_listening(open_page, f"{topology.url}/s/{make_store(language='fr')}/")
    button = screen.get_by_role("button", name="Activer le son")
    expect(button).to_be_visible()
    screen.clock.fast_forward(60_000)
    expect(button).to_be_hidden()

    screen.reload()
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
    screen.clock.fast_forward(10_000)
    expect(button).to_be_hidden()
    assert screen.evaluate("audio.state") == "suspended"


def test_a_muted_screen_shows_no_button(topology, make_store, open_page) -> None:
    screen = open_listening(open_page, f"{topology.url}/s/{make_store(is_muted=True)}/")
    screen.clock.fast_forward(10_000)

    expect(screen.locator("#sound")).to_be_hidden()
