"""Real browsers use the functions that a chain of stores needs.

Tills have labels, stores can be closed, cashiers have accounts, and an administrator can import many stores.
"""

import csv
import io
import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.topologies import lose_redis_data

PASSWORD = "secret enough"


# JavaScript that returns true if no word of an element is broken across two lines, and no word sticks out at the left
# or right. For an element in a button, the limits are the edges of the button, otherwise the edges of the page.
UNBROKEN = """selector => {
  const element = document.querySelector(selector);
  const within = (element.closest("button") ?? document.body).getBoundingClientRect();
  const text = element.firstChild;
  return [...text.data.matchAll(/\\S+/g)].every((word) => {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    const [line, ...more] = range.getClientRects();
    return more.length === 0 && line.left >= within.left && line.right <= within.right;
  });
}"""


@pytest.fixture
def slug(topology, make_store) -> str:
    slug = make_store(name="North", tills=4, labels={"2": "Click & collect", "3": "Pharmacy"})
    topology.shell.call("add_administrator", username=f"{slug}-boss", password=PASSWORD)
    return slug


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("sign in|log in", re.IGNORECASE)).click()


def test_a_closed_store_shows_its_message_on_its_screens_and_refuses_presses(
    topology, slug, open_page, open_screen_page
) -> None:
    screen = open_screen_page(f"{topology.url}/s/{slug}/")
    buttons = open_page(f"{topology.url}/s/{slug}/cashier_buttons")
    admin = open_page(f"{topology.url}/admin/cashier_web/store/?q={slug}")
    sign_in(admin, f"{slug}-boss")
    admin.get_by_role("link", name="North").click()
    admin.get_by_role("checkbox", name="Open", exact=True).uncheck()
    admin.get_by_label("Message when closed").fill("Back on <Monday>")
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(screen.locator(".waiting")).to_have_text("Back on <Monday>")

    buttons.keyboard.press("1")
    expect(buttons.locator("#receipts li").first).to_have_text("This store is closed.")
    admin.locator("input.action-select").check()
    admin.locator("select[name=action]").select_option("open_stores")
    admin.get_by_role("button", name=re.compile("go|run", re.IGNORECASE)).click()
    expect(screen.locator(".waiting")).to_have_text("Please wait")


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (390, 844)], ids=["landscape", "portrait", "phone"])
def test_the_label_of_a_till_fits_on_the_screen_and_on_its_button(
    topology, slug, open_page, open_screen_page, size
) -> None:
    width, height = size
    screen = open_screen_page(f"{topology.url}/s/{slug}/", viewport={"width": width, "height": height})
    buttons = open_page(f"{topology.url}/s/{slug}/cashier_buttons", viewport={"width": width, "height": height})
    for till, name in ((2, "Click & collect"), (3, "Pharmacy")):
        buttons.locator(f"button[name=cashier][value='{till}']").click()
        expect(screen.locator(".number")).to_have_text(name)
        box = screen.locator(".number").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
        assert box["width"] > width / 3
        for page, selector in ((screen, ".number"), (buttons, f"button[value='{till}'] .number")):
            assert page.evaluate(UNBROKEN, selector)
    expect(buttons.locator("#receipts li").last).to_have_text("Click & collect called")


def test_a_cashier_signs_in_and_calls_at_one_till_but_not_in_another_store(own_topology, open_page) -> None:
    own_topology.shell.call("add_store", slug="north", name="North")
    own_topology.shell.call("add_store", slug="south", name="South")
    own_topology.shell.call("add_member", username="anna", store="north", role="cashier", password=PASSWORD)
    page = open_page(f"{own_topology.url}/sign_in")
    sign_in(page, "anna")
    expect(page.get_by_role("heading", name="North")).to_be_visible()
    page.get_by_role("button", name="Cashier Nº4").click()
    page.get_by_label("Language").select_option("fr")
    page.get_by_role("button", name="Cashier Nº4").click()
    expect(page.locator("#receipts li").first).to_have_text("Nº4 called")
    page.get_by_role("button", name="Again").click()
    expect(page.locator("#receipts li").first).to_have_text("Nº4 stays on the screen")
    expect(page.get_by_label("Language")).to_have_value("fr")

    page.goto(f"{own_topology.url}/s/south/till")
    expect(page.locator("body")).to_contain_text("You are not allowed to do this in the store “South”.")


@pytest.fixture(scope="module")
def own_topology(run_topology, tmp_path_factory):
    """A topology in which nobody can press a button without an account."""
    with run_topology(tmp_path_factory.mktemp("closed"), CASHIER_OPEN_BUTTONS="false") as topology:
        yield topology


def test_screens_show_that_their_store_is_closed_after_redis_has_lost_its_data(own_topology, open_screen_page) -> None:
    own_topology.shell.call("add_store", slug="west", name="West")
    screen = open_screen_page(f"{own_topology.url}/s/west/")
    expect(screen.locator(".waiting")).to_have_text("Please wait")
    own_topology.shell.call("close_store_silently", slug="west")
    redis = own_topology.processes["redis"]
    redis.stop()
    lose_redis_data(own_topology.folder)
    redis.start()
    expect(screen.locator(".waiting")).to_have_text("We are closed", timeout=20_000)


def test_a_key_calls_the_till_whose_button_shows_the_number(topology, make_store, open_page) -> None:
    slug = make_store(labels={"1": "4", "4": "1", "2": "Pharmacy"})
    buttons = open_page(f"{topology.url}/s/{slug}/cashier_buttons")
    for key, receipt in (("4", "Nº4 called"), ("1", "Nº1 is 2nd, in 3 s"), ("2", "Pharmacy is 3rd, in 6 s")):
        buttons.keyboard.press(key)
        expect(buttons.locator("#receipts li").first).to_have_text(receipt)


def test_500_stores_are_imported_in_the_admin_after_a_preview(topology, slug, open_page) -> None:
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["slug", "name", "city", "time_zone", "tills", "labels"])
    for number in range(500):
        rows.writerow([f"{slug}-{number}", f"Store {number}", "Lyon", "Europe/Paris", 6, "5=Pharmacy; 6=Bakery"])
    page = open_page(f"{topology.url}/admin/cashier_web/store/import/")
    sign_in(page, f"{slug}-boss")
    page.get_by_label("File to import").set_input_files(
        {"name": "stores.csv", "mimeType": "text/csv", "buffer": table.getvalue().encode()}
    )
    page.get_by_role("button", name="Submit").click()
    page.set_default_timeout(60_000)
    page.get_by_role("button", name="Confirm import").click()
    expect(page.locator(".messagelist")).to_contain_text("500 new", timeout=60_000)

    assert httpx.get(f"{topology.url}/s/{slug}-499/").status_code == 200
