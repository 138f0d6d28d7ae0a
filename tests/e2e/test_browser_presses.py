"""The buttons page keeps working on a slow or broken network. Each press gets a receipt or a reason."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import press_keys


@pytest.fixture
def store(topology, make_store):
    slug = make_store(tills=9)
    base = f"{topology.url}/s/{slug}/"
    return {"screen": base, "buttons": f"{base}cashier_buttons", "till": f"{base}till"}


def slow(page, milliseconds: int) -> None:
    """Delay every answer to a request of this page by this many milliseconds."""
    devtools = page.context.new_cdp_session(page)
    devtools.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1},
    )


def test_all_presses_during_a_slow_change_of_language_make_calls(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    slow(buttons, 1000)
    buttons.get_by_label("Language").select_option("fr")
    press_keys(buttons, "1234")
    expect(buttons.locator("button[value='4']")).to_have_attribute("data-state", "sending")

    expect(buttons.locator("#receipts li")).to_have_count(5)
    texts = buttons.locator("#receipts li").all_inner_texts()
    assert texts[4] == "Français"
    assert texts[3] == "Nº1 appelée"
    assert [re.match(r"Nº(\d)", text)[1] for text in texts[2::-1]] == ["2", "3", "4"]
    expect(buttons.get_by_label("Langue")).to_have_value("fr")
    expect(buttons.locator("#till-1 .label")).to_have_text("Caisse")


def test_the_receipt_of_an_earlier_press_does_not_undo_a_change_of_language(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    slow(buttons, 400)
    buttons.keyboard.press("1")
    expect(buttons.locator("button[value='1']")).to_have_attribute("data-state", "sending")
    buttons.get_by_label("Language").select_option("fr")

    expect(buttons.locator("#receipts li")).to_have_text(["Français", "Nº1 called"])
    expect(buttons.get_by_label("Langue")).to_have_value("fr")


def test_a_press_makes_a_call_although_the_language_changes_between_touch_and_release(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    buttons.locator("button[value='4'] .number").hover()
    buttons.mouse.down()
    buttons.get_by_label("Language").select_option("fr")
    expect(buttons.locator("#till-4 .label")).to_have_text("Caisse")
    buttons.mouse.up()

    expect(buttons.locator("#receipts li").first).to_have_text("Nº4 appelée")


def test_the_last_of_two_changes_of_language_stays(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    slow(buttons, 400)
    for language in ("fr", "en"):
        buttons.locator("#language").select_option(language)

    expect(buttons.locator("#receipts li")).to_have_text(["English", "Français"])
    expect(buttons.get_by_label("Language")).to_have_value("en")


def test_without_a_network_every_press_is_reported_as_not_sent(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    buttons.context.set_offline(True)
    press_keys(buttons, "123456789")

    expect(buttons.locator("#receipts li.refused")).to_have_count(9)
    assert set(buttons.locator("#receipts li").all_inner_texts()) == {
        f"Nº{till} not sent: no connection" for till in range(1, 10)
    }


NO_RECEIPT = {
    "no answer in time": lambda route: None,
    "the connection breaks": lambda route: route.abort("connectionreset"),
    "Nginx gets no answer": lambda route: route.fulfill(status=504, content_type="text/html", body="timeout"),
    "web dies": lambda route: route.fulfill(status=502, content_type="text/html", body="bad gateway"),
    "an error in web": lambda route: route.fulfill(status=500, content_type="text/plain", body="Something went wrong"),
    "a server in between is overloaded": lambda route: route.fulfill(status=503, content_type="text/html", body="busy"),
    "the sign-in page of a network": lambda route: route.fulfill(status=200, content_type="text/html", body="Welcome"),
}


@pytest.mark.parametrize("answer", NO_RECEIPT.values(), ids=NO_RECEIPT.keys())
@pytest.mark.parametrize("page", ["buttons", "till"])
def test_a_press_that_may_have_made_a_call_is_not_reported_as_not_called(store, open_page, page, answer) -> None:
    buttons = open_page(store[page])
    if page == "till":
        buttons.locator("button[value='2']").click()
        expect(buttons.get_by_role("button", name="Again")).to_be_visible()
    buttons.route("**/cashier_action", answer)
    buttons.evaluate("htmx.config.timeout = 300")
    buttons.keyboard.press("2")

    expect(buttons.locator("#receipts li")).to_have_text(["Nº2 possibly not called: look at the screen"])
    button = buttons.locator("button[value='2']").first
    expect(button).to_have_attribute("data-state-text", "possibly not called: look at the screen")
    expect(buttons.locator("#receipts")).to_have_attribute("aria-live", "polite")  # Screen readers read it aloud.


@pytest.mark.parametrize(("status", "reason"), [(409, "This store is closed."), (503, "Nº2 was not called.")])
def test_a_press_that_was_certainly_refused_is_reported_as_not_called(store, open_page, status, reason) -> None:
    buttons = open_page(store["buttons"])
    answer = {"status": status, "content_type": "text/plain", "body": reason}
    buttons.route("**/cashier_action", lambda route: route.fulfill(**answer))
    buttons.keyboard.press("2")

    expect(buttons.locator("#receipts li")).to_have_text([reason])
    expect(buttons.locator("button[value='2']")).to_have_attribute("data-state-text", "not called")


def test_a_change_of_language_without_an_answer_is_reported(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    buttons.route("**/cashier_buttons", lambda route: route.abort("connectionreset"))
    buttons.get_by_label("Language").select_option("fr")

    expect(buttons.locator("#receipts li")).to_have_text(["no answer: look at the screen"])
    expect(buttons.get_by_label("Language")).to_have_value("en")


def test_a_failed_change_of_language_leaves_the_old_language_selected(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    buttons.context.clear_cookies()
    buttons.get_by_label("Language").select_option("fr")

    expect(buttons.locator("#receipts li").first).to_have_text("This page is out of date. Reload it.")
    expect(buttons.get_by_label("Language")).to_have_value("en")


def test_a_receipt_updates_the_language_that_another_page_has_chosen(store, open_page) -> None:
    first, second = open_page(store["buttons"]), open_page(store["buttons"])
    first.get_by_label("Language").select_option("fr")
    expect(first.locator("#receipts li").first).to_have_text("Français")
    second.keyboard.press("1")
    expect(second.locator("#receipts li").first).to_have_text("Nº1 appelée")

    expect(second.locator("#language")).to_have_value("fr")


@pytest.mark.parametrize(
    ("key", "code", "shift"), [("'", "Digit4", False), ("4", "Digit4", True), ("4", "Numpad4", False)]
)
def test_digit_keys_press_on_any_keyboard_and_with_any_focus(store, open_page, key, code, shift) -> None:
    buttons = open_page(store["buttons"])
    buttons.locator("#language").focus()
    buttons.locator("#language").dispatch_event(
        "keydown", {"key": key, "code": code, "shiftKey": shift, "bubbles": True}
    )

    expect(buttons.locator("#receipts li").first).to_have_text("Nº4 called")


def test_receipts_are_visible_on_a_phone_with_nine_tills(store, open_page) -> None:
    buttons = open_page(store["buttons"], viewport={"width": 390, "height": 664})
    buttons.keyboard.press("1")

    expect(buttons.locator("#receipts li").first).to_be_in_viewport()
