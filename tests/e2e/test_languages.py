"""Real browsers show pages in nine languages. Every text fits on the screen and has the direction of its language."""

import re

import pytest
from playwright.sync_api import Page, expect

from cashier_core import fragment
from cashier_core.call import LANGUAGES
from tests.e2e.conftest import wait_for

SIZES = {"landscape": (1920, 1080), "portrait": (1080, 1920), "phone": (390, 844)}


@pytest.fixture
def open_screens(topology, open_screen_page):
    """Return a function that opens a store's screen in each size. The result maps the name of a size to its page."""

    def open_screens(slug: str) -> dict[str, Page]:
        screens = {}
        for name, (width, height) in SIZES.items():
            viewport = {"width": width, "height": height}
            screens[name] = open_screen_page(f"{topology.url}/s/{slug}/", viewport=viewport)
            # A new number grows to its final size. With the setting "reduced motion" it does not grow, so the tests
            # always measure the final size.
            screens[name].emulate_media(reduced_motion="reduce")
        return screens

    return open_screens


def outside(screen: Page) -> list[str]:
    """Return the class names of the elements that do not fit on the screen, and "page" if the page can be scrolled."""
    return screen.evaluate(
        """() => {
          const { clientWidth: width, clientHeight: height, scrollWidth, scrollHeight } = document.documentElement;
          const fits = ({ left, top, right, bottom }) => left >= 0 && top >= 0 && right <= width && bottom <= height;
          const elements = [...document.querySelectorAll("#message span")];
          const found = elements.filter((each) => !fits(each.getBoundingClientRect())).map((each) => each.className);
          return scrollWidth > width || scrollHeight > height ? [...found, "page"] : found;
        }"""
    )


def lines(screen: Page, selector: str) -> int:
    """Return the number of lines that the text of an element takes."""
    return screen.evaluate(
        """(selector) => {
          const range = document.createRange();
          range.selectNodeContents(document.querySelector(selector));
          return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
        }""",
        selector,
    )


def test_a_call_in_arabic_and_an_idle_text_in_german_each_have_their_own_direction(
    topology, make_store, open_page, open_screens
) -> None:
    slug = make_store(language="de", languages=["de", "ar"], hold_seconds=5)
    screens = open_screens(slug).values()
    till = open_page(f"{topology.url}/s/{slug}/till")
    till.get_by_role("button", name="Kasse 4").click()
    till.get_by_label("Sprache").select_option("ar")
    till.locator("#press button").first.click()

    expect(till.locator("#receipts li").first).to_have_text("Kasse 4 aufgerufen")
    for screen in screens:
        expect(screen.locator("#message")).to_have_text(re.compile(r"الصندوق\s+4"))
        message = screen.evaluate("(({ lang, dir }) => [lang, dir])(document.getElementById('message'))")
        page = screen.evaluate("(({ lang, dir }) => [lang, dir])(document.documentElement)")
        assert (message, page, outside(screen)) == (["ar", "rtl"], ["de", "ltr"], [])
    for screen in screens:
        expect(screen.locator("#message")).to_have_text("Bitte warten")
        message = screen.evaluate("(({ lang, dir }) => [lang, dir])(document.getElementById('message'))")
        assert (message, outside(screen)) == (["de", "ltr"], [])


def test_the_idle_text_that_the_backstop_shows_has_its_language_and_direction(
    topology, make_store, open_page, open_screen_page
) -> None:
    slug = make_store(language="ar", languages=["ar", "de"])
    screen = open_screen_page(f"{topology.url}/s/{slug}/")
    # The test makes the page ignore all fragments without a number. The page then ignores the fragment that ends the
    # call, so the backstop must show the idle text.
    screen.evaluate(
        """addEventListener("htmx:wsBeforeMessage", (event) => {
             if (event.detail.message.includes("data-num-cashier")) return;
             event.preventDefault();
             event.stopPropagation();
           }, { capture: true })"""
    )
    till = open_page(f"{topology.url}/s/{slug}/till")
    till.get_by_role("button", name="الصندوق 4").click()
    till.locator("#language").select_option("de")
    till.locator("#press button").first.click()
    message = screen.locator("#message")
    expect(message).to_have_text(re.compile(r"Kasse\s+4"))
    expect(message).to_have_attribute("dir", "ltr")

    expect(message).to_have_text("يرجى الانتظار")
    expect(message).to_have_attribute("lang", "ar")
    expect(message).to_have_attribute("dir", "rtl")


def test_every_language_fits_on_every_screen(topology, make_store, open_page, open_screens) -> None:
    arrows = {"4": "left", "12": "right"}
    slug = make_store(languages=list(LANGUAGES), tills=12, hold_seconds=30, policy="replace", arrows=arrows)
    screens = open_screens(slug)
    buttons = open_page(f"{topology.url}/s/{slug}/cashier_buttons")
    for language in LANGUAGES:
        buttons.locator("#language").select_option(language)
        for size, screen in screens.items():
            expect(screen.locator(".waiting")).to_have_text(fragment.please_wait(language))
            assert (language, size, outside(screen)) == (language, size, [])
            assert lines(screen, ".waiting") <= 3
    for language in LANGUAGES:
        buttons.locator("#language").select_option(language)
        for till in ("4", "12", "3"):
            buttons.locator(f"#press button[value='{till}']").click()
            for size, screen in screens.items():
                expect(screen.locator(f"#message[lang='{language}'] .number")).to_have_text(re.compile(f"{till}$"))
                assert (language, size, till, outside(screen)) == (language, size, till, [])
                assert lines(screen, ".label") == lines(screen, ".number") == 1


def test_a_change_of_language_changes_every_word_of_the_buttons_page_and_its_direction(
    topology, make_store, open_page
) -> None:
    slug = make_store(languages=["en", "ar"], is_open=False)
    buttons = open_page(f"{topology.url}/s/{slug}/cashier_buttons")
    page = "(({ lang, dir }) => [lang, dir])(document.documentElement)"
    latin = """[...document.querySelectorAll("body :not(select *)")].filter((each) => !each.children.length)
      .map((each) => each.textContent.trim()).filter((text) => /[a-z]/i.test(text))"""
    assert buttons.evaluate(page) == ["en", "ltr"]
    assert {"Language", "Screen", "closed", "Cashier", "Receipts"} <= set(buttons.evaluate(latin))
    buttons.locator("#language").select_option("ar")
    wait_for(buttons, "document.documentElement.dir === 'rtl'")

    assert buttons.evaluate(page) == ["ar", "rtl"]
    assert buttons.evaluate(latin) == []
    assert "الأزرار" in buttons.title()
    buttons.keyboard.press("4")
    expect(buttons.locator("#receipts li").first).to_have_text("هذا المتجر مغلق.")
    assert buttons.evaluate("getComputedStyle(document.querySelector('#receipts li')).direction") == "rtl"
