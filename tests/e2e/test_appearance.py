"""The settings of a store change the appearance of its screens within seconds.

A change never disturbs a call, and all texts stay readable from far away.
"""

import pytest
from playwright.sync_api import Page, expect

from cashier_web.validators import contrast
from tests.e2e.conftest import wait_for
from tests.support.topologies import change_store


@pytest.fixture
def store(topology, make_store, open_page, open_screen_page):
    """Return a function that creates a store and opens a screen and the buttons page of the store.

    The function returns the slug, the screen's page, and a function that presses a key on the buttons page.
    """

    def store(**fields):
        slug = make_store(**fields)
        screen = open_screen_page(f"{topology.url}/s/{slug}/")
        buttons = open_page(f"{topology.url}/s/{slug}/cashier_buttons")
        return slug, screen, buttons.keyboard.press

    return store


def colours(screen: Page, element: str) -> tuple[str, str]:
    """Return the text colour and the background colour of an element.

    If the element is transparent, the background colour is that of the nearest element around it.
    """
    found = screen.evaluate(
        """(selector) => {
          let element = document.querySelector(selector);
          const ink = getComputedStyle(element).color;
          while (getComputedStyle(element).backgroundColor === "rgba(0, 0, 0, 0)") element = element.parentElement;
          return [ink, getComputedStyle(element).backgroundColor];
        }""",
        element,
    )
    return tuple(f"#{int(r):02x}{int(g):02x}{int(b):02x}" for r, g, b in (c[4:-1].split(",") for c in found))


def test_a_new_setting_appears_on_the_screens_without_a_reload(topology, store) -> None:
    slug, screen, _press = store()
    screen.evaluate("window.isSamePage = true")
    change_store(topology, slug, name="Market Hall", time_zone="Asia/Tokyo", ink="#ffee00", ground="#001020")

    expect(screen.locator("#name")).to_have_text("Market Hall")
    assert colours(screen, ".waiting") == ("#ffee00", "#001020")
    tokyo = screen.evaluate(
        "new Intl.DateTimeFormat('en', { timeStyle: 'short', timeZone: 'Asia/Tokyo' }).format(new Date())"
    )
    assert screen.locator("#clock").inner_text()[:-4] == tokyo[:-4]
    assert screen.evaluate("window.isSamePage")


def test_a_new_setting_is_not_applied_during_a_call(topology, store) -> None:
    slug, screen, press = store(hold_seconds=6)
    press("4")
    expect(screen.locator(".number")).to_be_visible()
    change_store(topology, slug, name="Market Hall")
    screen.evaluate("window.names = []; window.numbers = []")
    screen.evaluate(
        """new MutationObserver(() => {
             names.push(document.getElementById("name").textContent);
             numbers.push("numCashier" in document.getElementById("message").dataset);
           }).observe(document.getElementById("name"), { childList: true })"""
    )

    # The call is shown for 6 s. After its end, the page may take up to 5 s to apply the new name.
    expect(screen.locator("#name")).to_have_text("Market Hall", timeout=20_000)
    assert screen.evaluate("[names, numbers]") == [["Market Hall"], [False]]


@pytest.mark.parametrize(("arrow", "size"), [("left", (1280, 720)), ("right", (1280, 720)), ("ahead", (720, 1280))])
def test_the_arrow_of_a_till_does_not_overlap_its_number(topology, store, arrow, size) -> None:
    _slug, screen, press = store(arrows={"4": arrow})
    screen.set_viewport_size({"width": size[0], "height": size[1]})
    screen.emulate_media(reduced_motion="reduce")
    press("4")
    expect(screen.locator(".number")).to_be_visible()
    number = screen.locator(".number").bounding_box()
    style = "getComputedStyle(document.getElementById('message'), '::before')"
    box = {
        side: float(screen.evaluate(f"{style}.{side}").removesuffix("px"))
        for side in ("left", "top", "width", "height")
    }

    assert number["x"] >= 0
    assert number["x"] + number["width"] <= size[0]
    do_not_overlap = (
        box["left"] + box["width"] <= number["x"]
        or number["x"] + number["width"] <= box["left"]
        or number["y"] + number["height"] <= box["top"]
    )
    assert do_not_overlap, (box, number)
    # Till 2 has no arrow, so the arrow of till 4 must disappear when till 2 is called.
    press("2")
    expect(screen.locator(".number")).to_have_text("Nº2")
    assert not screen.locator("#message").get_attribute("data-arrow")


def test_the_idle_text_alternates_between_two_languages_and_a_call_replaces_it_at_once(topology, store) -> None:
    _slug, screen, press = store(also_waits_in=["fr"])
    message = screen.locator("#message")
    expect(message).to_have_text("Veuillez patienter")
    expect(message).to_have_attribute("lang", "fr")
    press("4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    expect(message).to_have_attribute("lang", "en")

    expect(message).to_have_text("Please wait")
    expect(message).to_have_text("Veuillez patienter")


def test_the_last_three_calls_are_listed_if_the_store_has_chosen_this_and_also_after_a_reload(topology, store) -> None:
    slug, screen, press = store(hold_seconds=1)
    recent = screen.locator("#recent")
    for key in ("1", "2", "3", "4"):
        press(key)
        expect(screen.locator(".number")).to_have_text(f"Nº{key}")
    expect(screen.locator(".waiting")).to_be_visible()
    expect(recent).to_be_hidden()
    change_store(topology, slug, shows_recent=True)

    expect(recent.locator("li")).to_have_text(["Cashier Nº4", "Cashier Nº3", "Cashier Nº2"])
    screen.reload()
    expect(recent.locator("li")).to_have_text(["Cashier Nº4", "Cashier Nº3", "Cashier Nº2"])
    press("1")
    expect(screen.locator(".number")).to_have_text("Nº1")
    expect(recent.locator("li")).to_have_text(["Cashier Nº4", "Cashier Nº3", "Cashier Nº2"])


def test_a_call_is_listed_while_the_display_sleeps_and_gets_no_frames(store) -> None:
    _slug, screen, press = store(hold_seconds=1, shows_recent=True)
    screen.evaluate("window.requestAnimationFrame = () => 0")
    press("4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    expect(screen.locator(".waiting")).to_be_visible()

    expect(screen.locator("#recent li")).to_have_text(["Cashier Nº4"])


def test_the_number_is_painted_before_it_moves(store) -> None:
    _slug, screen, press = store(hold_seconds=4)
    screen.evaluate(
        """() => {
          let frames = 0;
          const count = () => { frames++; requestAnimationFrame(count); };
          count();
          for (const name of ["shown", "painted"]) {
            document.addEventListener(`screen:${name}`, () => {
              const { numCashier, moves } = document.getElementById("message").dataset;
              if (numCashier) window[name] = { frames, moves: moves !== undefined, at: performance.now() };
            });
          }
        }"""
    )
    press("4")
    wait_for(screen, "window.painted")
    shown, painted = screen.evaluate("[shown, painted]")

    assert (shown["moves"], painted["moves"]) == (False, True)
    # The page dispatches the event `screen:painted` when the browser has painted the number, or after 250 ms at the
    # latest. On a very busy machine, the browser may need more than 250 ms to paint.
    assert painted["frames"] > shown["frames"] or painted["at"] - shown["at"] >= 250


@pytest.mark.parametrize(
    "chosen", [{}, {"ink": "#ffe08a", "ground": "#003b2f"}], ids=["default colours", "chosen colours"]
)
def test_all_texts_have_a_contrast_of_at_least_seven_to_one(topology, store, chosen) -> None:
    _slug, screen, press = store(shows_recent=True, **chosen)
    screen.emulate_media(reduced_motion="reduce")
    found = {part: contrast(*colours(screen, part)) for part in (".waiting", "#name", "#clock")}
    press("4")
    expect(screen.locator(".number")).to_have_text("Nº4")
    found |= {f"called {part}": contrast(*colours(screen, part)) for part in (".number", ".label", "#recent")}

    assert min(found.values()) >= 7, found


def test_a_call_flashes_and_moves_briefly_but_not_if_the_browser_asks_for_reduced_motion(topology, store) -> None:
    _slug, screen, press = store(hold_seconds=4)
    motions = "document.getAnimations().map((each) => each.animationName).sort().join()"
    moves = "'moves' in document.getElementById('message').dataset && document.querySelector('.number')"
    press("4")
    wait_for(screen, f"{motions} === 'call,flash'")
    wait_for(screen, f"{motions} === '' && document.querySelector('.number')")

    screen.emulate_media(reduced_motion="reduce")
    press("2")
    expect(screen.locator(".number")).to_have_text("Nº2")
    wait_for(screen, moves)
    assert screen.evaluate(motions) == ""


def test_when_the_opening_hours_begin_or_end_no_screen_fetches_its_page(topology, store) -> None:
    slug, screen, _press = store()
    screen.clock.install()
    fetched: list[str] = []
    screen.on("request", lambda request: fetched.append(request.url) if request.url.endswith(f"/s/{slug}/") else None)
    topology.shell.call("set_asleep", slug=slug, is_asleep=True)
    wait_for(screen, "document.getElementById('message').dataset.look.split('.').length === 3")
    screen.clock.fast_forward(60_000)
    topology.shell.call("set_asleep", slug=slug, is_asleep=False)
    wait_for(screen, "document.getElementById('message').dataset.look.split('.').length === 2")
    screen.clock.fast_forward(60_000)
    # A change of the appearance is fetched within 5 s. It shows that the test would notice a request.
    change_store(topology, slug, name="Another name")
    wait_for(screen, "document.getElementById('message').dataset.look !== JSON.parse(document.body.dataset.look).id")
    assert fetched == []

    screen.clock.fast_forward(60_000)
    expect(screen.locator("#name")).to_have_text("Another name")
    assert len(fetched) == 1
