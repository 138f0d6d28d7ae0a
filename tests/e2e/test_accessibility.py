"""The tool axe-core finds no accessibility problem on the pages, whether a person has signed in or not."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from cashier_core import timeline
from cashier_core.call import Policy

PASSWORD = "correct horse battery staple"
FLEET_PAGES = ["fleet", "fleet?state=never_seen", "fleet/alarms", "fleet/proof"]
PAGES = ["cashier_buttons", "till", "screens", "hours", "devices", "people", "history"]


@pytest.fixture(scope="module")
def topology(run_topology, tmp_path_factory):
    with run_topology(tmp_path_factory.mktemp("axe"), CASHIER_OPEN_BUTTONS="false") as topology:
        call = topology.shell.call
        call("add_store", slug="north", name="North", labels={"3": "Pharmacy"}, shows_recent=True)
        call("add_member", username="anna", store="north", role="manager", password=PASSWORD)
        call("add_member", username="berta", store="north", role="cashier")
        for slug in ("south", "west"):
            call("add_store", slug=slug)
            call("add_member", username="anna", store=slug, role="manager")
        call("add_devices", store="north", till=2)
        call("add_screen", store="north", name="Entrance")
        yield topology


def expect_no_violations(page: Page) -> None:
    found = Axe().run(page)
    assert found.response["passes"], "axe-core has checked nothing"
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"


def test_a_screen_has_no_violations_between_calls_and_during_a_call(topology, open_screen_page) -> None:
    screen = open_screen_page(f"{topology.url}/s/north/", reduced_motion="reduce")
    expect_no_violations(screen)
    calls = timeline.Timeline(timeline.connect(topology.redis_url))
    calls.press("north", 4, "en", idle_language="en", hold_ms=60_000, policy=Policy.REPLACE)
    expect(screen.locator(".number")).to_be_visible()
    expect_no_violations(screen)


@pytest.mark.parametrize("path", ["sign_in", "pair", "welcome/x/y"])
def test_pages_that_need_no_account_have_no_violations(topology, open_page, path) -> None:
    expect_no_violations(open_page(f"{topology.url}/{path}"))


def test_pages_of_a_manager_have_no_violations(topology, open_page) -> None:
    page = open_page(f"{topology.url}/sign_in")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".errorlist")).to_be_visible()
    expect_no_violations(page)
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{topology.url}/stores")
    expect_no_violations(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for path in ("stores", "password", "claim?store=north&code=ABCDEF", *FLEET_PAGES):
            assert page.goto(f"{topology.url}/{path}").ok
            expect_no_violations(page)
        for path in PAGES:
            assert page.goto(f"{topology.url}/s/north/{path}").ok
            expect_no_violations(page)
        page.goto(f"{topology.url}/s/north/screens")
        page.get_by_role("link", name="Entrance").click()
        expect(page.get_by_role("heading", name="Outages")).to_be_visible()
        expect_no_violations(page)
    page.goto(f"{topology.url}/s/north/till")
    page.get_by_role("button", name="4").click()
    expect(page.get_by_role("button", name="Again")).to_be_visible()
    expect_no_violations(page)
    page.locator("#press button").first.click()
    expect(page.locator("#receipts li")).to_be_visible()
    expect_no_violations(page)
