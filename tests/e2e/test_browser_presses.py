"""The buttons page keeps working on a slow or broken network. Each press gets a receipt or a reason."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture
def store(topology, make_store):
    slug = make_store(tills=9)
    return {"screen": f"{topology.url}/s/{slug}/", "buttons": f"{topology.url}/s/{slug}/cashier_buttons"}


def slow(page, milliseconds: int) -> None:
    """Delay every answer to a request of this page by this many milliseconds."""
    devtools = page.context.new_cdp_session(page)
    devtools.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": milliseconds, "downloadThroughput": -1, "uploadThroughput": -1},
    )


def test_all_presses_during_a_slow_change_of_language_make_calls(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    slow(buttons, 400)
    buttons.get_by_label("Language").select_option("fr")
    for key in "1234":
        buttons.keyboard.press(key)
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
    for key in "123456789":
        buttons.keyboard.press(key)

    expect(buttons.locator("#receipts li.refused")).to_have_count(9)
    assert set(buttons.locator("#receipts li").all_inner_texts()) == {
        f"Nº{till} not sent: no connection" for till in range(1, 10)
    }


def test_a_press_without_an_answer_is_not_reported_as_not_sent(store, open_page) -> None:
    buttons = open_page(store["buttons"])
    buttons.route("**/cashier_action", lambda route: None)
    buttons.evaluate("htmx.config.timeout = 300")
    buttons.keyboard.press("2")

    expect(buttons.locator("#receipts li").first).to_have_text("Nº2 no answer: look at the screen")


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
