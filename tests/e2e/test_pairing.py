"""A chain as it is deployed, in real browsers: a manager pairs a screen, lets people and devices in, and revokes."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.test_chain import PASSWORD, sign_in


@pytest.fixture(scope="module")
def chain(run_topology, tmp_path_factory):
    """One as it is deployed: neither buttons nor screens are open."""
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
    """What the QR code leads to, and the form behind it."""
    code = television.locator(".code").inner_text()
    manager.goto(f"{chain.url}/claim?store={store}&code={code.replace(' ', '')}")
    manager.get_by_label("Name of the screen").fill(name)
    manager.get_by_role("button", name="Pair a screen").click()
    expect(manager.get_by_role("status")).to_contain_text(f"“{name}” is a screen of this store now.")


def test_from_an_empty_store_to_a_call_on_its_screen_and_to_the_end_of_it(chain, manager, open_page) -> None:
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
    manager.get_by_role("button", name="Make it").click()
    address = manager.locator("pre").last.inner_text()
    assert httpx.get(address).json()["text"].startswith("Nº2")
    expect(television.locator(".number")).to_have_text("Nº2")

    # Brought to the database within some six seconds.
    for row in ("Nº4 berta", "Nº2 Button"):
        told = manager.get_by_role("row").filter(has_text=re.compile(row.replace(" ", r"\s+")))
        while not told.is_visible():
            manager.goto(f"{chain.url}/s/north/history")

    manager.get_by_role("link", name="Screens").click()
    manager.get_by_role("row", name="Entrance").get_by_role("button", name="Revoke").click()
    expect(television).to_have_url(f"{chain.url}/pair")
    expect(television.locator(".code")).to_have_text(re.compile(r"^\w{3} \w{3}$"))


def test_a_paired_screen_survives_a_restart_and_follows_when_it_is_moved(chain, manager, open_page) -> None:
    television = open_page(f"{chain.url}/pair")
    pair(manager, television, chain, "Window")
    expect(television).to_have_url(f"{chain.url}/s/north/")
    kept = television.context.storage_state()
    television.context.close()

    television = open_page(f"{chain.url}/pair", storage_state=kept)
    expect(television).to_have_url(f"{chain.url}/s/north/")
    expect(television.locator("body")).to_have_attribute("data-connection", "open")
    row = manager.get_by_role("row", name="Window")
    row.get_by_label("Store").fill("south")
    row.get_by_role("button", name="Change").click()
    expect(television).to_have_url(f"{chain.url}/s/south/")
    expect(television.locator("body")).to_have_attribute("data-connection", "open")
    manager.goto(f"{chain.url}/s/south/screens")
    expect(manager.get_by_role("row", name="Window")).to_be_visible()


def test_a_revoked_screen_is_put_out_though_redis_lost_everything_meanwhile(chain, manager, open_page) -> None:
    television = open_page(f"{chain.url}/pair")
    pair(manager, television, chain, "Exit")
    expect(television).to_have_url(f"{chain.url}/s/north/")
    expect(television.locator("body")).to_have_attribute("data-connection", "open")
    chain.shell.call("revoke_screen_silently", name="Exit")
    redis = chain.processes["redis"]
    redis.stop()
    redis.start()
    expect(television).to_have_url(f"{chain.url}/pair", timeout=20_000)


def test_a_screen_that_is_refused_again_and_again_asks_seldom(chain, manager, open_page) -> None:
    television = open_page(f"{chain.url}/pair")
    pair(manager, television, chain, "Corner")
    expect(television).to_have_url(f"{chain.url}/s/north/")
    tries = []
    television.route_web_socket(re.compile("/ws/"), lambda socket: (tries.append(socket), socket.close(code=4410)))
    television.reload()
    television.wait_for_timeout(8_000)

    assert 1 <= len(tries) <= 2, "the first time at once, and then not before 10 s"
