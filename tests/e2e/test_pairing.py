"""Real browsers use a chain in which only known people, devices and screens have access.

Managers pair and revoke screens, and add people and devices.
"""

import re
import time

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.e2e.conftest import wait_until
from tests.e2e.test_chain import PASSWORD, sign_in
from tests.support.topologies import lose_redis_data


@pytest.fixture(scope="module")
def chain(run_topology, tmp_path_factory):
    """A topology with the settings of a real chain.

    Nobody can press a button without an account or a token. Only people with an account and paired televisions can
    open the page of a screen.
    """
    environment = {"CASHIER_OPEN_BUTTONS": "false", "CASHIER_OPEN_SCREENS": "false"}
    with run_topology(tmp_path_factory.mktemp("chain"), **environment) as topology:
        for slug in ("north", "south"):
            topology.shell.call("add_store", slug=slug, name=slug.title())
            topology.shell.call("add_member", username="anna", store=slug, role="manager", password=PASSWORD)
        yield topology


@pytest.fixture
def manager(chain, open_page):
    page = open_page(f"{chain.url}/sign_in")
    sign_in(page, "anna")
    expect(page.get_by_role("link", name="North")).to_be_visible()
    return page


def pair(manager, television, chain, name: str, store: str = "north") -> None:
    """Pair a television, as a manager who scans the QR code on the television and fills in the form."""
    code = television.locator(".code").inner_text()
    manager.goto(f"{chain.url}/claim?store={store}&code={code.replace(' ', '')}")
    manager.get_by_label("Name of the screen").fill(name)
    manager.get_by_role("button", name="Pair a screen").click()
    expect(manager.get_by_role("status")).to_contain_text(f"“{name}” is now a screen of this store.")


def test_a_manager_pairs_a_screen_adds_a_cashier_and_a_device_and_revokes_the_screen(chain, manager, open_page) -> None:
    television = open_page(f"{chain.url}/s/north/")
    expect(television).to_have_url(f"{chain.url}/pair")
    pair(manager, television, chain, "Entrance")
    expect(television).to_have_url(f"{chain.url}/s/north/")
    expect(television.locator("body")).to_have_attribute("data-connection", "open")

    manager.get_by_role("link", name="People").click()
    manager.get_by_label("Username").fill("berta")
    manager.get_by_role("button", name="Add").click()
    cashier = open_page(manager.locator("pre").inner_text())
    cashier.get_by_label("New password", exact=False).first.fill(PASSWORD)
    cashier.get_by_label("confirmation").fill(PASSWORD)
    cashier.get_by_role("button", name="Choose a password").click()
    cashier.get_by_role("button", name="Cashier Nº4").click()
    cashier.get_by_role("button", name="Cashier Nº4").click()
    expect(television.locator(".number")).to_have_text("Nº4")

    manager.get_by_role("link", name="Devices").click()
    manager.get_by_label("Name").fill("Button")
    manager.get_by_label("Till").select_option("2")
    manager.get_by_role("button", name="Create device").click()
    address = manager.locator("pre").last.inner_text()
    assert httpx.get(address).json()["text"].startswith("Nº2")
    expect(television.locator(".number")).to_have_text("Nº2")

    for till, caller in (("Nº4", "berta"), ("Nº2", "Button")):
        row = manager.get_by_role("row").filter(has_text=re.compile(rf"{till}\s+{caller}"))
        # web copies calls to the database only every few seconds, so the test loads the history until the call appears.
        deadline = time.monotonic() + 30
        while not row.is_visible():
            assert time.monotonic() < deadline, f"the call of {till} is not in the history"
            manager.goto(f"{chain.url}/s/north/history")

    manager.get_by_role("link", name="Screens").click()
    manager.get_by_role("row", name="Entrance").get_by_role("button", name="Revoke").click()
    expect(television).to_have_url(f"{chain.url}/pair")
    expect(television.locator(".code")).to_have_text(re.compile(r"^\w{3} \w{3}$"))


def test_a_paired_screen_stays_paired_after_a_restart_and_shows_the_store_to_which_it_is_moved(
    chain, manager, open_page
) -> None:
    television = open_page(f"{chain.url}/pair")
    pair(manager, television, chain, "Window")
    expect(television).to_have_url(f"{chain.url}/s/north/")
    cookies = television.context.storage_state()
    television.context.close()

    television = open_page(f"{chain.url}/pair", storage_state=cookies)
    expect(television).to_have_url(f"{chain.url}/s/north/")
    expect(television.locator("body")).to_have_attribute("data-connection", "open")
    row = manager.get_by_role("row", name="Window")
    row.get_by_label("Store").fill("south")
    row.get_by_role("button", name="Change").click()
    expect(television).to_have_url(f"{chain.url}/s/south/")
    expect(television.locator("body")).to_have_attribute("data-connection", "open")
    manager.goto(f"{chain.url}/s/south/screens")
    expect(manager.get_by_role("row", name="Window")).to_be_visible()


def test_a_television_that_stores_no_cookies_is_told_so_until_it_stores_them(chain, open_page) -> None:
    def answer_without_cookies(route: Route) -> None:
        headers = {name: text for name, text in route.request.headers.items() if name != "cookie"}
        answer = httpx.get(route.request.url, headers=headers)
        route.fulfill(status=answer.status_code, content_type=answer.headers["Content-Type"], body=answer.content)

    television = open_page("about:blank", locale="fr")
    television.clock.install()
    television.route(re.compile("/pair"), answer_without_cookies)
    television.goto(f"{chain.url}/pair")
    expect(television.locator(".code")).to_be_visible()
    for _ in range(2):
        with television.expect_response(re.compile("/pair")):
            television.clock.run_for(3_000)
        expect(television.locator("h1")).to_contain_text("Ce navigateur n’enregistre pas de cookies")
        expect(television.locator(".code")).to_have_count(0)
    television.unroute_all()
    for _ in range(2):
        with television.expect_response(re.compile("/pair")):
            television.clock.run_for(3_000)
    expect(television.locator(".code")).to_be_visible()


def test_a_screen_that_was_revoked_while_redis_lost_its_data_leaves_the_store(chain, manager, open_page) -> None:
    television = open_page(f"{chain.url}/pair")
    pair(manager, television, chain, "Exit")
    expect(television).to_have_url(f"{chain.url}/s/north/")
    expect(television.locator("body")).to_have_attribute("data-connection", "open")
    chain.shell.call("revoke_screen_silently", name="Exit")
    redis = chain.processes["redis"]
    redis.stop()
    lose_redis_data(chain.folder)
    redis.start()
    expect(television).to_have_url(f"{chain.url}/pair", timeout=20_000)


def test_a_screen_whose_ticket_is_refused_twice_tries_again_after_10_s_at_the_earliest(
    chain, manager, open_page
) -> None:
    television = open_page(f"{chain.url}/pair")
    pair(manager, television, chain, "Corner")
    expect(television).to_have_url(f"{chain.url}/s/north/")
    television.clock.install()
    tries = []
    television.route_web_socket(re.compile("/ws/"), lambda socket: (tries.append(socket), socket.close(code=4410)))
    television.reload()
    wait_until(television, lambda: len(tries) == 1, "the reloaded page opens a websocket")
    expect(television.locator("body")).to_have_attribute("data-connection", "lost")
    television.clock.fast_forward(2_000)
    wait_until(television, lambda: len(tries) == 2, "the second try follows within 2 s")
    expect(television.locator("body")).to_have_attribute("data-connection", "lost")
    television.clock.fast_forward(8_000)
    # In each try, the page requests itself from the server, and then opens a websocket. If the third try begins too
    # early, its websocket needs some time to open. Therefore the test sends a request of its own, and counts the
    # websockets only after the answer.
    television.evaluate("fetch(location.href).then(() => 0)")
    assert len(tries) == 2
    television.clock.fast_forward(12_000)
    wait_until(television, lambda: len(tries) == 3, "the third try follows")
