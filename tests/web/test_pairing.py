"""A television shows a code, a manager enters it, and it is that store's screen: until it is moved or revoked."""

import html
import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from cashier_core.call import Policy
from cashier_core.tickets import Ticket
from cashier_web import announcements, history, looks, pairing, screens
from cashier_web.clients import the_revocations, the_timeline
from cashier_web.models import Membership, PastCall, Role, Screen, Store
from local.ports import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def closed_screens(environment) -> None:
    environment(cashier_open_screens=False, cashier_open_buttons=False)


@pytest.fixture
def stores(db) -> tuple[Store, Store]:
    north, south = (Store.objects.create(slug=slug, name=slug.title()) for slug in ("north", "south"))
    return north, south


@pytest.fixture
def manager(client, stores) -> User:
    anna = User.objects.create_user("anna")
    Membership.objects.create(person=anna, store=stores[0], role=Role.MANAGER)
    client.force_login(anna)
    return anna


@pytest.fixture
def television() -> Client:
    return Client()


def code_on(television: Client, **headers: str) -> str:
    page = television.get("/pair", headers=headers).content.decode()
    return re.search(r'<p class="code" dir="ltr">([0-9A-Z]{3} [0-9A-Z]{3})</p>', page)[1]


def claim(client, code, store="north", name="Entrance"):
    return client.post("/claim", {"code": code, "store": store, "name": name})


def test_a_television_is_paired_and_goes_to_its_store_by_itself(client, manager, television, settings) -> None:
    code = code_on(television)
    assert television.get("/s/north/")["Location"] == "/pair"
    assert claim(client, code)["Location"] == "/s/north/screens"

    asked = television.get("/pair", headers={"hx-request": "true"})
    assert (asked.status_code, asked["HX-Redirect"]) == (200, "/s/north/")
    page = television.get("/s/north/")
    ticket = re.search(r'data-websocket="/ws/cashier_q/north\?ticket=([^"]+)"', page.content.decode())[1]
    assert Ticket.read(ticket, settings.ENVIRONMENT.cashier_ticket_key).screen == Screen.objects.get().mark
    assert "Entrance" in client.get("/s/north/screens").content.decode()


def test_it_survives_a_restart_of_its_browser(client, manager, television) -> None:
    claim(client, code_on(television))
    kept = television.get("/s/north/").cookies["screen"]

    assert int(kept["max-age"]) == 400 * 86_400
    assert (kept["httponly"], kept["samesite"]) == (True, "Lax")
    restarted = Client()
    restarted.cookies["screen"] = kept.value
    assert restarted.get("/pair")["Location"] == "/s/north/"


def test_the_code_stays_while_the_page_asks_again_and_another_television_has_another(television) -> None:
    code = code_on(television)

    assert code_on(television, **{"hx-request": "true"}) == code
    assert code_on(Client()) != code


def test_the_qr_code_leads_to_the_page_with_the_code_in_it(client, manager, television) -> None:
    code = code_on(television).replace(" ", "")
    page = client.get(f"/claim?code={code}").content.decode()

    assert f'value="{code}"' in page
    assert 'src="data:image/svg+xml' in television.get("/pair").content.decode()


@pytest.mark.parametrize("typed", ["{0} {1}", "{0}{1}", "{0}-{1}", " {0}{1} "])
def test_a_code_may_be_typed_as_people_type(client, manager, television, typed) -> None:
    first, second = code_on(television).lower().split()

    assert claim(client, typed.format(first, second)).status_code == 302


def test_a_code_is_good_once(client, manager, television) -> None:
    code = code_on(television)
    claim(client, code)
    again = claim(client, code, name="Exit")

    assert again.status_code == 400
    assert "No screen shows this code" in again.content.decode()
    assert Screen.objects.count() == 1


def test_a_code_expires_and_the_page_shows_another_one(client, manager, television, redis) -> None:
    code = code_on(television)
    (key,) = redis.keys("cashier:code:*")
    assert 0 < redis.ttl(key) <= pairing.CODE_SECONDS
    redis.delete(key)  # as it does by itself

    assert claim(client, code).status_code == 400
    assert code_on(television) != code


def test_a_code_can_not_be_guessed(client, manager, television) -> None:
    code_on(television)
    for number in range(pairing.MOST_TRIES):
        wrong = "".join(pairing.LETTERS[number + place] for place in range(pairing.LENGTH))
        assert claim(client, wrong).status_code == 400
    limited = claim(client, code_on(television))

    assert limited.status_code == 429
    assert 0 < int(limited["Retry-After"]) <= pairing.CODE_SECONDS
    assert "Too many codes" in limited.content.decode()
    assert Screen.objects.count() == 0
    assert len(pairing.LETTERS) ** pairing.LENGTH > 800_000_000


def test_no_address_makes_codes_without_end(television, monkeypatch) -> None:
    monkeypatch.setattr(pairing, "MOST_CODES", 3)
    for _ in range(3):
        code_on(Client())
    refused = Client().get("/pair")

    assert refused.status_code == 429
    assert 'hx-trigger="every 3s"' in refused.content.decode(), "nobody is there to reload it"
    assert code_on(Client(), **{"x-forwarded-for": "192.0.2.7"})


def test_a_form_that_is_refused_leaves_the_code_as_it_was(client, manager, television) -> None:
    code = code_on(television)
    claim(client, code)
    other = Client()
    second = code_on(other)
    for fields in (
        {"name": "Entrance"},
        {"name": ""},
        {"name": "two\nlines"},
        {"store": "south"},
        {"store": "nowhere"},
    ):
        assert claim(client, second, **fields).status_code == 400

    assert claim(client, second, name="Exit").status_code == 302


@pytest.mark.parametrize("code", ["", "ABC", "ABCDEFG", "ABC 0O1", "*", "\0", "ÄBCDEF"])
def test_what_is_no_code_is_refused_and_costs_no_try(client, manager, redis, code) -> None:
    assert claim(client, code).status_code == 400
    assert redis.keys("cashier:limit*") == []


def test_a_manager_pairs_in_no_store_but_the_own(client, manager, television) -> None:
    assert claim(client, code_on(television), store="south").status_code == 400
    assert Screen.objects.count() == 0


def test_a_screen_that_is_moved_goes_to_the_other_store(client, manager, stores, television, redis) -> None:
    Membership.objects.create(person=manager, store=stores[1], role=Role.MANAGER)
    claim(client, code_on(television))
    screen = Screen.objects.get()
    change(client, screen, name="Window", store="south")

    assert redis.smembers("cashier:revoked") == {screen.mark.encode()}
    moved = Screen.objects.get()
    assert (moved.name, moved.store.slug) == ("Window", "south")
    assert moved.mark != screen.mark
    assert television.get("/s/north/", follow=True).redirect_chain[-1][0] == "/s/south/"


def test_a_screen_that_is_renamed_stays_as_it_is(client, manager, television, redis) -> None:
    claim(client, code_on(television))
    mark = Screen.objects.get().mark
    change(client, Screen.objects.get(), name="Window", store="north")

    assert (Screen.objects.get().name, Screen.objects.get().mark) == ("Window", mark)
    assert redis.keys("cashier:revoked") == []


def volume_of(television: Client) -> int:
    look = re.search(r'data-look="([^"]+)"', television.get("/s/north/").content.decode())[1]
    return json.loads(html.unescape(look))["volume"]


def look_of_north() -> str:
    return the_timeline().waiting(["north"])[0].look


def test_one_screen_is_louder_or_silent_and_its_page_is_told_at_once(client, manager, stores, television) -> None:
    claim(client, code_on(television))
    screen = Screen.objects.get()
    assert volume_of(television) == 70

    for fields, volume in (
        ({"volume": "35"}, 35),
        ({"volume": "35", "is_muted": "on"}, 0),
        ({"volume": "0"}, 0),
        ({"volume": ""}, 70),
    ):
        before = looks.name(Store.objects.get(slug="north"))
        change(client, screen, name="Entrance", store="north", **fields)
        assert volume_of(television) == volume
        assert look_of_north() == looks.name(Store.objects.get(slug="north")) != before

    change(client, screen, name="Window", store="north")
    assert look_of_north() == looks.name(Store.objects.get(slug="north"))


def test_a_change_of_the_name_alone_tells_no_screen(client, manager, stores, television) -> None:
    claim(client, code_on(television))
    change(client, Screen.objects.get(), name="Window", store="north", volume="", is_muted="")

    assert Store.objects.get(slug="north").revision == 0


def test_without_redis_a_screens_volume_stays(client, manager, television, environment) -> None:
    claim(client, code_on(television))
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    change(client, Screen.objects.get(), name="Window", store="north", volume="35")

    assert (Screen.objects.get().name, Screen.objects.get().volume) == ("Entrance", None)


def test_a_screen_that_is_revoked_shows_a_new_code(client, manager, television, redis) -> None:
    before = code_on(television)
    claim(client, before)
    screen = Screen.objects.get()
    change(client, screen, action="revoke")

    assert redis.smembers("cashier:revoked") == {screen.mark.encode()}
    assert television.get("/s/north/")["Location"] == "/pair"
    after = code_on(television)
    assert after != before
    claim(client, after)
    assert television.get("/s/north/").status_code == 200
    assert [each.revoked_at is None for each in Screen.objects.order_by("pk")] == [False, True]


def change(client, screen, *, action="change", **fields):
    answer = client.post(f"/s/{screen.store.slug}/screens/{screen.pk}", {"action": action, **fields})
    assert answer.status_code == 302
    return answer


@pytest.mark.parametrize(
    "fields", [{"name": "Exit"}, {"name": ""}, {"name": "a\nb"}, {"store": "south"}, {"store": ""}, {"volume": "101"}]
)
def test_a_change_that_can_not_be_changes_nothing_and_says_why(client, manager, television, fields) -> None:
    claim(client, code_on(television))
    claim(client, code_on(Client()), name="Exit")
    screen = Screen.objects.get(name="Entrance")
    change(client, screen, **{"name": "Entrance", "store": "north", **fields})

    assert Screen.objects.filter(pk=screen.pk, name="Entrance", store__slug="north", generation=1).exists()
    assert 'role="status"' in client.get("/s/north/screens").content.decode()


def test_without_redis_nothing_is_paired_moved_or_revoked(client, manager, television, environment) -> None:
    code = code_on(television)
    claim(client, code)
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    assert Client().get("/pair").status_code == 503
    assert claim(client, code, name="Exit").status_code == 503

    change(client, Screen.objects.get(), action="revoke")
    assert Screen.objects.get().revoked_at is None
    assert "Nothing was changed" in client.get("/s/north/screens").content.decode()
    assert television.get("/s/north/").status_code == 200


# What each gets of a store's screen where screens are closed: nobody, stranger, cashier of another store, then viewer,
# administrator, and screens.
@pytest.mark.parametrize(
    ("who", "gets"),
    [
        ("nobody", 302),
        ("stranger", 302),
        ("of another store", 302),
        ("viewer", 200),
        ("administrator", 200),
        ("paired", 200),
        ("paired elsewhere", 302),
        ("revoked", 302),
        ("made up", 302),
    ],
)
def test_a_closed_screen_is_for_who_belongs_to_the_store(stores, who, gets) -> None:
    north, south = stores
    browser = Client()
    if who in {"stranger", "of another store", "viewer", "administrator"}:
        person = User.objects.create_user("berta", is_superuser=who == "administrator")
        if who in {"of another store", "viewer"}:
            Membership.objects.create(person=person, store=north if who == "viewer" else south, role=Role.VIEWER)
        browser.force_login(person)
    elif who != "nobody":
        code = code_on(browser).replace(" ", "")
        if who != "made up":
            pairing.adopt(pairing.take(code), south if who == "paired elsewhere" else north, "Entrance")
        if who == "revoked":
            Screen.objects.update(revoked_at="2026-01-01T00:00Z")

    assert browser.get("/s/north/").status_code == gets


def test_where_screens_are_open_everybody_may_look_but_a_paired_one_only_at_its_own(stores, environment) -> None:
    environment(cashier_open_screens=True)
    television = Client()
    assert television.get("/s/north/").status_code == 200
    pairing.adopt(pairing.take(code_on(television).replace(" ", "")), stores[1], "Entrance")

    assert television.get("/s/north/")["Location"] == "/pair"
    assert television.get("/s/south/").status_code == 200
    Screen.objects.update(revoked_at="2026-01-01T00:00Z")
    assert television.get("/s/south/")["Location"] == "/pair"


def test_a_poll_that_has_the_code_already_is_answered_with_nothing(television) -> None:
    code = code_on(television).replace(" ", "")
    poll = {"headers": {"hx-request": "true"}}

    assert television.get(f"/pair?code={code}", **poll).status_code == 204
    assert "<html" not in television.get("/pair?code=ABCDEF", **poll).content.decode()


def test_a_television_that_waits_is_told_when_no_code_can_be_made(television, monkeypatch, environment) -> None:
    monkeypatch.setattr(pairing, "MOST_CODES", 0)
    refused = television.get("/pair", headers={"hx-request": "true"})
    assert refused.status_code == 200, "htmx shows nothing else"
    assert "Too many screens" in refused.content.decode()

    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    assert "No code can be made" in television.get("/pair", headers={"hx-request": "true"}).content.decode()


def test_one_that_shows_a_code_gets_the_next_whatever_others_do_behind_its_address(
    television, monkeypatch, redis
) -> None:
    monkeypatch.setattr(pairing, "MOST_CODES", 1)
    code = code_on(television)
    assert Client().get("/pair").status_code == 429
    redis.delete(*redis.keys("cashier:code:*"))

    assert code_on(television) != code


def test_the_limit_of_codes_is_each_persons(client, manager, stores, television, monkeypatch) -> None:
    monkeypatch.setattr(pairing, "MOST_TRIES", 1)
    claim(client, "ABCDEF")
    assert claim(client, "ABCDEF").status_code == 429

    other = Client()
    other.force_login(User.objects.create_user("berta", is_superuser=True))
    assert claim(other, code_on(television)).status_code == 302


def test_behind_https_the_cookie_goes_over_nothing_else(television, environment) -> None:
    assert not television.get("/pair").cookies["screen"]["secure"]
    environment(cashier_https=True)

    assert television.get("/pair").cookies["screen"]["secure"]


@pytest.mark.parametrize("by", ["page", "admin", "move"])
def test_what_was_paired_long_ago_stays_revoked_when_web_compares(
    client, manager, stores, television, redis, by
) -> None:
    claim(client, code_on(television))
    Screen.objects.update(changed_at=timezone.now() - timedelta(days=8))
    screen = Screen.objects.get()
    if by == "page":
        change(client, screen, action="revoke")
    elif by == "move":
        Membership.objects.create(person=manager, store=stores[1], role=Role.MANAGER)
        change(client, screen, name="Entrance", store="south")
    else:
        client.force_login(User.objects.create_superuser("boss"))
        chosen = {"action": "revoke", "_selected_action": [screen.pk]}
        told = client.post("/admin/cashier_web/screen/", chosen, follow=True).content.decode()
        assert "Screens revoked: 1." in told
    announcements.compare()

    assert redis.smembers("cashier:revoked") == {screen.mark.encode()}


def test_a_change_that_comes_after_a_revocation_takes_nothing_back(stores, television) -> None:
    pairing.adopt(pairing.take(code_on(television).replace(" ", "")), stores[0], "Entrance")
    chosen = Screen.objects.all()
    with transaction.atomic():
        screens.revoke(chosen)
        screens.change(chosen, "Window", stores[1], volume=None, is_muted=False)

    screen = Screen.objects.get()
    assert (screen.name, screen.store.slug, screen.revoked_at is None) == ("Entrance", "north", False)


def test_a_comparison_takes_back_no_revocation_that_is_just_being_made(stores, redis, monkeypatch) -> None:
    def read_and_then_one_is_revoked() -> set[str]:
        known = known_before()
        the_revocations().add(["7.1"])
        return known

    known_before = the_revocations().known
    monkeypatch.setattr(the_revocations(), "known", read_and_then_one_is_revoked)
    announcements.remember_revoked()

    assert redis.smembers("cashier:revoked") == {b"7.1"}


def test_a_store_that_is_deleted_puts_its_screens_out_and_its_calls_go_with_it(
    admin_client, stores, television, redis
) -> None:
    pairing.adopt(pairing.take(code_on(television).replace(" ", "")), stores[0], "Entrance")
    mark = Screen.objects.get().mark
    the_timeline().press("north", 4, "en", waiting_language="en", hold_ms=3000, policy=Policy.QUEUE)
    history.record()
    page = f"/admin/cashier_web/store/{stores[0].pk}/delete/"
    assert "Calls: 1" in admin_client.get(page).content.decode()
    assert admin_client.post(page, {"post": "yes"}).status_code == 302

    assert television.get("/s/north/")["Location"] == "/pair"
    assert re.search(r'class="code"', television.get("/pair").content.decode())
    announcements.compare()
    assert redis.smembers("cashier:revoked") == {mark.encode()}
    assert not PastCall.objects.exists()


def test_without_redis_no_store_is_deleted(admin_client, stores, television, environment) -> None:
    pairing.adopt(pairing.take(code_on(television).replace(" ", "")), stores[0], "Entrance")
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    page = f"/admin/cashier_web/store/{stores[0].pk}/delete/"
    told = admin_client.post(page, {"post": "yes"}, follow=True).content.decode()

    assert "Nothing was changed" in told
    assert Store.objects.filter(slug="north").exists()
