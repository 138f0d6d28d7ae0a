"""A real browser shows customers and cashiers the right pages of a whole topology in which nothing fails."""

import re
from itertools import groupby

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import press_keys, wait_for

CUT_SHORT_MS = 2_000
"""The test fails if a call is shown for fewer milliseconds than this.

The hold is 3 s. The limit is lower, because a busy machine may paint a number late, and the number is then visible for
less than 3 s. The load test measures how late numbers are painted."""

# JavaScript that records in `seen` each text that the screen shows, with its time on the monotonic clock of the page.
WATCH = """() => {
  window.seen = [];
  const note = () => {
    const text = document.getElementById("message").innerText.replace(/\\s+/g, " ").trim();
    if (seen.at(-1)?.text !== text) seen.push({ text, at: performance.now() });
  };
  new MutationObserver(note).observe(document.body, { childList: true, subtree: true });
  note();
}"""


@pytest.fixture
def store(topology, make_store):
    slug = make_store()
    return {"screen": f"{topology.url}/s/{slug}/", "buttons": f"{topology.url}/s/{slug}/cashier_buttons"}


def test_a_press_is_painted_on_two_screens_and_reset_after_3_seconds(store, open_page, open_screen_page) -> None:
    screens = [open_screen_page(store["screen"]) for _ in range(2)]
    for screen in screens:
        screen.evaluate(WATCH)
    buttons = open_page(store["buttons"])
    buttons.get_by_role("button", name="Cashier Nº4").click()

    expect(buttons.locator("#receipts li").first).to_have_text("Nº4 called")
    for screen in screens:
        wait_for(screen, "seen.length >= 3")
        seen = screen.evaluate("seen")
        assert [each["text"] for each in seen] == ["Please wait", "Cashier Nº4", "Please wait"]
        assert seen[2]["at"] - seen[1]["at"] > CUT_SHORT_MS


def test_keys_press_the_buttons_and_the_receipts_are_listed_newest_first(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    press_keys(buttons, "42129x")

    expect(buttons.locator("#receipts li")).to_have_text(
        [re.compile(r"Nº2 is 2nd, in [23] s"), "Nº1 is 3rd, in 6 s", "Nº2 is 2nd, in 3 s", "Nº4 called"]
    )


def test_the_border_of_a_button_shows_the_state_of_its_press(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    press_keys(buttons, "42")
    expect(buttons.locator("#receipts li")).to_have_count(2)
    borders = buttons.locator("#press button").evaluate_all(
        "buttons => buttons.map(button => getComputedStyle(button).borderTopColor)"
    )

    assert borders[0] == borders[2] == "rgba(0, 0, 0, 0)"
    assert len({borders[0], borders[1], borders[3]}) == 3


def test_a_button_shows_the_state_of_its_press_until_the_call_has_ended(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    buttons.evaluate(
        """() => {
          window.states = [];
          const note = ({ target: { value, dataset } }) => states.push([value, dataset.state ?? ""]);
          new MutationObserver((changes) => changes.forEach(note)).observe(
            document.getElementById("press"), { subtree: true, attributes: true, attributeFilter: ["data-state"] });
        }"""
    )
    press_keys(buttons, "42")
    second = buttons.locator("#press button").nth(1)
    expect(second).to_have_attribute("data-state-text", "2nd")
    expect(second).to_have_attribute("data-state-text", "on the screen")
    expect(second).not_to_have_attribute("data-state", "called")
    seen_states = buttons.evaluate("states")

    for till, states in (("4", ["sending", "called", ""]), ("2", ["sending", "waits", "called", ""])):
        seen = [state for value, state in seen_states if value == till]
        assert [state for state, _same in groupby(seen)] == states
    buttons.context.set_offline(True)
    buttons.keyboard.press("1")
    expect(buttons.locator("#press button").first).to_have_attribute("data-state-text", "not called")


def test_a_new_language_changes_the_idle_text_and_does_not_cut_a_call_short(store, open_page, open_screen_page) -> None:
    screen = open_screen_page(store["screen"])
    buttons = open_page(store["buttons"])
    screen.evaluate(WATCH)
    buttons.keyboard.press("4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    buttons.get_by_label("Language").select_option("fr")
    expect(buttons.get_by_label("Langue")).to_have_value("fr")
    wait_for(screen, "seen.length >= 3")

    seen = screen.evaluate("seen")
    assert [each["text"] for each in seen] == ["Please wait", "Cashier Nº4", "Veuillez patienter"]
    assert seen[2]["at"] - seen[1]["at"] > CUT_SHORT_MS
    buttons.keyboard.press("1")
    expect(screen.locator("#message")).to_have_text(re.compile(r"Caisse\s+Nº1"))
    expect(open_page(store["buttons"]).get_by_label("Langue")).to_have_value("fr")


def test_a_screen_opened_in_the_middle_of_a_call_shows_it_and_ends_it_with_the_other_screens(
    topology, make_store, open_page, open_screen_page
) -> None:
    # The hold is long, because the second screen must open during the call, also on a busy machine.
    url = f"{topology.url}/s/{make_store(hold_seconds=8)}/"
    first = open_screen_page(url)
    open_page(f"{url}cashier_buttons").keyboard.press("3")
    expect(first.locator(".number")).to_have_text("Nº3")
    second = open_screen_page(url)

    expect(second.locator(".number")).to_have_text("Nº3")
    expect(first.locator("#message")).to_have_text("Please wait")
    expect(second.locator("#message")).to_have_text("Please wait", timeout=300)


@pytest.mark.parametrize(
    ("width", "height", "tall"), [(1920, 1080, 0.5), (390, 844, 0.14), (1080, 1920, 0.15), (3840, 2160, 0.5)]
)
@pytest.mark.parametrize("till", [4, 12])
def test_the_number_fills_the_screen_and_nothing_scrolls(
    topology, make_store, open_page, open_screen_page, width, height, tall, till
) -> None:
    slug = make_store(tills=12)
    size = {"width": width, "height": height}
    screen = open_screen_page(f"{topology.url}/s/{slug}/", viewport=size, reduced_motion="reduce")
    buttons = open_page(f"{topology.url}/s/{slug}/cashier_buttons")
    buttons.get_by_role("button", name=f"Cashier Nº{till}", exact=True).click()
    expect(screen.locator(".number")).to_have_text(f"Nº{till}")
    number, label = screen.locator(".number").bounding_box(), screen.locator(".label").bounding_box()
    page = screen.evaluate(
        "({ width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,"
        "   cursor: getComputedStyle(document.body).cursor })"
    )

    assert (page["width"], page["height"], page["cursor"]) == (width, height, "none")
    assert number["width"] > 0.7 * width
    assert number["height"] > tall * height
    assert number["x"] >= 0
    assert number["x"] + number["width"] <= width
    assert label["y"] >= 0
    assert number["y"] + number["height"] <= height


def test_the_receipt_of_a_refused_press_says_why(topology, make_store, open_page) -> None:
    buttons = open_page(f"{topology.url}/s/{make_store(tills=4)}/cashier_buttons")
    buttons.locator("button[value='4']").evaluate("button => { button.value = '77' }")
    buttons.get_by_role("button", name="Cashier Nº4").click()

    expect(buttons.locator("#receipts li").first).to_have_text("This store has no till 77.")


def test_a_press_without_a_session_says_that_the_page_is_too_old(topology, make_store, open_page) -> None:
    buttons = open_page(f"{topology.url}/s/{make_store()}/cashier_buttons")
    buttons.context.clear_cookies()
    buttons.keyboard.press("4")

    expect(buttons.locator("#receipts li").first).to_have_text("This page is out of date. Reload it.")


def test_a_screen_that_runs_for_days_takes_a_new_ticket_twice_a_day(topology, make_store, open_page) -> None:
    url = f"{topology.url}/s/{make_store()}/"
    # The test waits for requests of the page. Playwright does not see all requests that a service worker makes for a
    # page, so the browser must not start the service worker.
    screen = open_page("about:blank", service_workers="block")
    screen.clock.install()
    screen.goto(url)
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")

    for _ in range(2):
        with screen.expect_response(lambda response: response.url == url) as renewed:
            screen.clock.fast_forward("14:00:00")
        assert "data-websocket=" in renewed.value.text()
    expect(screen.locator("body")).to_have_attribute("data-connection", "open", timeout=20_000)
