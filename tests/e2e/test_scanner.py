"""A barcode scanner types like a keyboard. A scan calls nobody on any page with buttons, but a person's keys call.

The tests type with the real key events of the browser. Between two keys of a scanner, they set the clock of the page
forward, because on a busy machine more time may pass between two keys of a test than between two keys of a scanner.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import press_keys

BARCODE = "4006381333931"
SCAN_NOTICE = "Nobody was called: the keys came as fast as from a barcode scanner."


@pytest.fixture(params=["buttons", "buttons of the default store", "till", "choice of a till"])
def page(request, topology, make_store, open_page) -> Page:
    """Each page with buttons. `page.posts` contains the body of each POST request that the page has sent."""
    return open_buttons(topology, make_store, open_page, request.param)


@pytest.fixture
def buttons(topology, make_store, open_page) -> Page:
    return open_buttons(topology, make_store, open_page, "buttons")


@pytest.fixture
def till_page(topology, make_store, open_page) -> Page:
    return open_buttons(topology, make_store, open_page, "till")


def open_buttons(topology, make_store, open_page, name: str) -> Page:
    store = "" if name == "buttons of the default store" else f"s/{make_store(tills=9)}/"
    path = "cashier_buttons" if name.startswith("buttons") else "till"
    page = open_page(f"{topology.url}/{store}{path}")
    if name == "till":
        page.locator("button[value='3']").click()
        expect(page.get_by_role("button", name="Again")).to_be_visible()
    page.posts = []
    page.on("request", lambda request: request.method == "POST" and page.posts.append(request.post_data))
    return page


@contextmanager
def stopped_clock(page: Page) -> Iterator[None]:
    """Stop the clock of the page while the block runs."""
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)
    yield
    page.clock.run_for(400)  # Longer than the page waits to find out who has pressed a key.
    page.clock.resume()
    page.wait_for_timeout(200)  # A press that the page has sent by mistake arrives within this time.


def type_keys(page: Page, *keys: str, delay: int = 5) -> None:
    """Type these keys, and let `delay` milliseconds pass on the page's clock after each key."""
    for key in keys:
        page.keyboard.press(key)
        page.clock.run_for(delay)


def scan(page: Page, *keys: str, delay: int = 5) -> None:
    with stopped_clock(page):
        type_keys(page, *keys, delay=delay)


def calls(page: Page) -> list[str]:
    """Return the numbers of the tills that the page has called, in the order of the calls."""
    return [body.partition("cashier=")[2][:1] for body in page.posts]


@pytest.mark.parametrize("delay", [1, 5, 30])
def test_a_scan_calls_nobody_on_any_page_with_buttons(page, delay) -> None:
    address = page.url
    scan(page, *BARCODE, "Enter", delay=delay)

    expect(page.locator("#notice")).to_have_text(SCAN_NOTICE)
    assert (page.posts, page.url) == ([], address)


SCANS = {
    "one digit": ["4", "Enter"],
    "two digits": ["4", "2"],
    "the same digit twice": ["4", "4", "Enter"],
    "the same digit three times": ["4", "4", "4"],
    "a tabulator at the end": [*"4006", "Tab"],
    "one digit and a tabulator": ["4", "Tab"],
    "a tabulator at the begin": ["Tab", "4", "Enter"],
    "Enter at the begin": ["Enter", *"4006", "Enter"],
    "a function key at the begin": ["F8", "4", "F9"],
    "the control code STX": ["Control+b", "4", "Control+c"],
    "a group separator": [*"0104", "Control+]", *"2145", "Enter"],
    "letters and digits": ["Shift+D", "4", "Shift+F", "1", "Enter"],
    "blanks": [" ", "4", " ", "1", " "],
    "keys of the number block": ["Numpad4", "Numpad0", "Numpad6", "NumpadEnter"],
    "an address": [*"https://1.example/4", "Enter"],
    "codes of characters": ["Alt+Numpad0", "Alt+Numpad0", "Alt+Numpad5", "Alt+Numpad2"],
}


@pytest.mark.parametrize("keys", SCANS.values(), ids=SCANS.keys())
@pytest.mark.parametrize("focus", ["nothing", "a button", "the language"])
def test_no_kind_of_scan_calls_anybody_whatever_has_the_focus(buttons, keys, focus) -> None:
    if focus == "a button":
        buttons.locator("button[value='7']").focus()
    elif focus == "the language":
        buttons.locator("#language").focus()
    scan(buttons, *keys)

    assert buttons.posts == []
    assert buttons.locator("#language").input_value() == "en"
    expect(buttons.locator("#receipts li")).to_have_count(0)


@pytest.mark.parametrize("keys", SCANS.values(), ids=SCANS.keys())
def test_no_kind_of_scan_presses_the_button_of_the_till_page(till_page, keys) -> None:
    scan(till_page, *keys)

    assert till_page.posts == []


@pytest.mark.parametrize("name", ["Another till", "Screen"])
def test_a_scan_does_not_press_another_button_or_link_that_has_the_focus(till_page, name) -> None:
    address = till_page.url
    till_page.get_by_text(name, exact=True).focus()
    scan(till_page, *BARCODE, "Enter")

    assert (till_page.posts, till_page.url, len(till_page.context.pages)) == ([], address, 1)


def test_a_scan_does_not_choose_a_language(buttons) -> None:
    """The French language begins with the letter F, so a browser chooses it when a scan types F into the list."""
    buttons.locator("#language").focus()
    scan(buttons, "F", *BARCODE, "Enter")
    scan(buttons, "Enter", "F", *BARCODE, "Enter")

    assert (buttons.locator("#language").input_value(), buttons.posts) == ("en", [])


def test_a_scanner_that_pauses_during_a_scan_calls_nobody(buttons) -> None:
    with stopped_clock(buttons):
        for keys in ("400", "638", "1", "3"):
            type_keys(buttons, *keys)
            buttons.clock.run_for(120)
        type_keys(buttons, "Enter")

    assert buttons.posts == []


def test_a_scan_without_a_stopped_clock_calls_nobody(buttons) -> None:
    """If the machine is so busy that the keys come slower than those of a scanner, the test tries again."""
    buttons.evaluate(
        "() => { window.times = []; addEventListener('keydown', (event) => times.push(event.timeStamp)); }"
    )
    for _ in range(20):
        buttons.posts.clear()
        buttons.keyboard.type(f"{BARCODE}\n")
        buttons.wait_for_timeout(400)
        times = buttons.evaluate("times.splice(0)")
        if max(later - earlier for earlier, later in itertools.pairwise(times)) < 60:
            break

    assert len(times) == len(BARCODE) + 1
    assert buttons.posts == []


def test_a_scan_right_after_a_persons_key_cancels_neither_the_call_nor_makes_more_calls(buttons) -> None:
    with stopped_clock(buttons):
        type_keys(buttons, "3", delay=150)
        type_keys(buttons, *BARCODE, "Enter")

    assert calls(buttons) == ["3"]


def test_a_person_can_press_again_soon_after_a_scan(buttons) -> None:
    scan(buttons, *BARCODE, "Enter")
    buttons.keyboard.press("3")

    expect(buttons.locator("#receipts li")).to_have_text(["Nº3 called"])


def test_the_notice_about_a_scan_disappears(buttons) -> None:
    with stopped_clock(buttons):
        type_keys(buttons, *BARCODE)
        expect(buttons.locator("#notice")).to_have_text(SCAN_NOTICE)
        buttons.clock.run_for(6000)
        expect(buttons.locator("#notice")).to_be_empty()


def test_two_keys_that_a_person_presses_quickly_call_two_tills(buttons) -> None:
    press_keys(buttons, "31")

    expect(buttons.locator("#receipts li")).to_have_count(2)
    assert calls(buttons) == ["3", "1"]
    expect(buttons.locator("#notice")).to_be_empty()


@pytest.mark.parametrize("key", ["4", "Numpad4", "Digit4"])
def test_a_single_key_of_a_keypad_calls(buttons, key) -> None:
    buttons.keyboard.press(key)

    expect(buttons.locator("#receipts li")).to_have_text(["Nº4 called"])


def test_a_keypad_that_sends_numlock_before_and_after_each_digit_calls(buttons) -> None:
    with stopped_clock(buttons):
        type_keys(buttons, "NumLock", "Numpad4", "NumLock")

    expect(buttons.locator("#receipts li")).to_have_text(["Nº4 called"])


@pytest.mark.parametrize("delay", [2, 20, 60])
def test_a_key_whose_contact_bounces_calls_once(buttons, delay) -> None:
    with stopped_clock(buttons):
        type_keys(buttons, "4", "4", delay=delay)

    expect(buttons.locator("#receipts li")).to_have_text(["Nº4 called"])
    expect(buttons.locator("#notice")).to_have_text("")


@pytest.mark.parametrize("key", ["Enter", "NumpadEnter", " "])
def test_the_enter_key_and_the_space_bar_press_the_button_of_the_till_page(till_page, key) -> None:
    till_page.keyboard.press(key)

    expect(till_page.locator("#receipts li")).to_have_text(["Nº3 called"])


@pytest.mark.parametrize("key", ["4", "Enter", " "])
def test_a_key_that_is_held_down_calls_once(buttons, key) -> None:
    buttons.locator("button[value='4']").focus()
    buttons.keyboard.down(key)
    expect(buttons.locator("#receipts li")).to_have_text(["Nº4 called"])
    for _ in range(10):
        buttons.keyboard.down(key)  # The browser marks these events as repetitions of a key that is held down.
        buttons.wait_for_timeout(30)
    buttons.keyboard.up(key)
    buttons.wait_for_timeout(300)

    assert calls(buttons) == ["4"]


def test_a_person_chooses_a_language_and_opens_a_link_with_the_keyboard(buttons) -> None:
    buttons.locator("#language").focus()
    buttons.keyboard.press("Enter")
    buttons.wait_for_timeout(300)
    buttons.keyboard.press("f")
    buttons.wait_for_timeout(300)
    buttons.keyboard.press("Enter")
    expect(buttons.locator("#receipts li")).to_have_text(["Français"])

    buttons.get_by_role("link", name="Écran").focus()
    with buttons.context.expect_page() as screen:
        buttons.keyboard.press("Enter")
    assert screen.value
