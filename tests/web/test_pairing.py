"""A television becomes a screen of a store by pairing.

The television shows a code, and a manager of the store enters the code.
"""

import re
import time

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from cashier_core.tickets import Ticket
from cashier_local.ports import free_port
from cashier_web.infra.rate_limit import GuessLimit, seconds_until_allowed
from cashier_web.models import Membership, Role, Screen
from cashier_web.screens import pairing, pairing_codes
from tests.support.pairing import claim, code_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("closed_screens")]


def test_a_television_is_paired_and_goes_to_its_store_by_itself(client, manager_of_north, television, settings) -> None:
    code = code_on(television)
    assert television.get("/s/north/")["Location"] == "/pair"
    assert claim(client, code)["Location"] == "/s/north/screens"

    answer = television.get("/pair", headers={"hx-request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/s/north/")
    page = television.get("/s/north/")
    ticket = re.search(r'data-websocket="/ws/cashier_q/north\?ticket=([^"]+)"', page.content.decode())[1]
    assert (
        Ticket.read(ticket, settings.ENVIRONMENT.cashier_ticket_key).credential_id == Screen.objects.get().credential_id
    )
    assert "Entrance" in client.get("/s/north/screens").content.decode()


def test_a_pairing_survives_a_restart_of_the_browser(client, manager_of_north, television) -> None:
    claim(client, code_on(television))
    cookie = television.get("/s/north/").cookies["screen"]

    assert int(cookie["max-age"]) == 400 * 86_400
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    restarted = Client()
    restarted.cookies["screen"] = cookie.value
    assert restarted.get("/pair")["Location"] == "/s/north/"


def test_the_code_stays_while_the_page_polls_and_each_television_has_its_own(television) -> None:
    code = code_on(television)

    assert code_on(television, **{"hx-request": "true"}) == code
    assert code_on(Client()) != code


def keys(redis) -> set[bytes]:
    return set(redis.keys("cashier:code:*") + redis.keys("cashier:pairing:*"))


def test_a_television_that_stores_no_cookie_gets_an_explanation_and_no_more_codes(redis) -> None:
    code_on(Client())
    before = keys(redis)
    polls = [Client().get("/pair?code=ABCDEF", headers={"hx-request": "true"}) for _ in range(3)]

    for poll in polls:
        assert poll.status_code == 200
        assert "This browser does not store cookies" in poll.content.decode()
        assert 'hx-trigger="every 3s"' in poll.content.decode()
    assert keys(redis) == before


def test_a_television_gets_a_code_as_soon_as_it_stores_cookies(redis, television) -> None:
    assert "does not store cookies" in television.get("/pair", headers={"hx-request": "true"}).content.decode()

    assert code_on(television, **{"hx-request": "true"})


def test_a_television_that_keeps_the_cookie_of_a_revoked_screen_gets_no_more_codes(
    client, manager_of_north, television, redis
) -> None:
    claim(client, code_on(television))
    revoked = television.cookies["screen"].value
    Screen.objects.update(revoked_at=timezone.now())
    code_on(television)
    before = keys(redis)
    television.cookies["screen"] = revoked
    poll = television.get("/pair?code=ABCDEF", headers={"hx-request": "true"})

    assert "This browser does not store cookies" in poll.content.decode()
    assert keys(redis) == before


def test_a_television_whose_first_code_was_refused_is_not_told_that_it_stores_no_cookies(
    television, monkeypatch
) -> None:
    monkeypatch.setattr(pairing_codes, "MOST_CODES", 0)
    assert television.get("/pair").status_code == 429
    monkeypatch.undo()

    assert code_on(television, **{"hx-request": "true"})


def test_the_qr_code_leads_to_the_page_with_the_code_in_it(client, manager_of_north, television) -> None:
    code = code_on(television).replace(" ", "")
    page = client.get(f"/claim?code={code}").content.decode()

    assert f'value="{code}"' in page
    assert 'src="data:image/svg+xml' in television.get("/pair").content.decode()


@pytest.mark.parametrize("typed", ["{0} {1}", "{0}{1}", "{0}-{1}", " {0}{1} "])
def test_a_code_may_be_typed_in_lower_case_and_with_spaces_or_hyphens(
    client, manager_of_north, television, typed
) -> None:
    first, second = code_on(television).lower().split()

    assert claim(client, typed.format(first, second)).status_code == 302


def test_a_code_can_be_used_once(client, manager_of_north, television) -> None:
    code = code_on(television)
    claim(client, code)
    again = claim(client, code, name="Exit")

    assert again.status_code == 400
    assert "No screen shows this code" in again.content.decode()
    assert Screen.objects.count() == 1


def test_a_code_expires_and_the_page_shows_another_one(client, manager_of_north, television, redis) -> None:
    code = code_on(television)
    (key,) = redis.keys("cashier:code:*")
    assert 0 < redis.ttl(key) <= pairing_codes.CODE_SECONDS
    # When a pairing code expires, Redis deletes its entry. This test deletes the entry itself, without waiting.
    redis.delete(key)

    assert claim(client, code).status_code == 400
    assert code_on(television) != code


def test_a_person_may_try_only_a_few_codes(client, manager_of_north, television) -> None:
    code_on(television)
    for number in range(pairing.CODES_OF_PERSON.most):
        wrong = "".join(pairing_codes.ALPHABET[number + place] for place in range(pairing_codes.LENGTH))
        assert claim(client, wrong).status_code == 400
    limited = claim(client, code_on(television))

    assert limited.status_code == 429
    assert 0 < int(limited["Retry-After"]) <= pairing_codes.CODE_SECONDS
    assert "Too many wrong codes" in limited.content.decode()
    assert Screen.objects.count() == 0
    assert len(pairing_codes.ALPHABET) ** pairing_codes.LENGTH > 800_000_000


def test_the_number_of_codes_behind_one_address_is_limited(television, monkeypatch) -> None:
    monkeypatch.setattr(pairing_codes, "MOST_CODES", 3)
    for _ in range(3):
        code_on(Client())
    refused = Client().get("/pair")

    assert refused.status_code == 429
    assert 'hx-trigger="every 3s"' in refused.content.decode(), (
        "the page must reload itself, because nobody at a television can do it"
    )
    assert code_on(Client(), **{"x-forwarded-for": "192.0.2.7"})


def test_a_refused_form_does_not_use_the_code_up(client, manager_of_north, television) -> None:
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
def test_a_text_that_cannot_be_a_code_is_refused_and_is_not_counted_as_a_try(
    client, manager_of_north, redis, code
) -> None:
    assert claim(client, code).status_code == 400
    assert redis.keys("cashier:limit*") == []


def test_a_manager_cannot_pair_a_screen_with_another_store(client, manager_of_north, television) -> None:
    assert claim(client, code_on(television), store="south").status_code == 400
    assert Screen.objects.count() == 0


# `status` is the expected status of a request for the screen's page of the store north. 302 redirects to the pairing
# page.
@pytest.mark.parametrize(
    ("who", "status"),
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
def test_a_closed_screen_is_shown_only_to_people_and_screens_of_the_store(stores, who, status) -> None:
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
            pairing.create_screen(
                pairing_codes.redeem_code(code), south if who == "paired elsewhere" else north, "Entrance"
            )
        if who == "revoked":
            Screen.objects.update(revoked_at="2026-01-01T00:00Z")

    assert browser.get("/s/north/").status_code == status


def test_with_open_screens_everybody_sees_each_store_but_a_paired_screen_only_its_own(stores, environment) -> None:
    environment(cashier_open_screens=True)
    television = Client()
    assert television.get("/s/north/").status_code == 200
    pairing.create_screen(pairing_codes.redeem_code(code_on(television).replace(" ", "")), stores[1], "Entrance")

    assert television.get("/s/north/")["Location"] == "/pair"
    assert television.get("/s/south/").status_code == 200
    Screen.objects.update(revoked_at="2026-01-01T00:00Z")
    assert television.get("/s/south/")["Location"] == "/pair"


def test_a_poll_of_a_page_that_shows_the_code_already_gets_204(television) -> None:
    code = code_on(television).replace(" ", "")
    poll = {"headers": {"hx-request": "true"}}

    assert television.get(f"/pair?code={code}", **poll).status_code == 204
    assert "<html" not in television.get("/pair?code=ABCDEF", **poll).content.decode()


def test_an_unpaired_television_shows_the_reason_why_it_gets_no_code(television, monkeypatch, environment) -> None:
    monkeypatch.setattr(pairing_codes, "MOST_CODES", 0)
    television.get("/pair")
    refused = television.get("/pair", headers={"hx-request": "true"})
    assert refused.status_code == 200, "htmx shows only responses with status 200"
    assert "Too many screens" in refused.content.decode()

    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    assert "No code is available" in television.get("/pair", headers={"hx-request": "true"}).content.decode()


def test_a_television_with_a_code_gets_the_next_one_although_its_address_has_used_up_the_limit(
    television, monkeypatch, redis
) -> None:
    monkeypatch.setattr(pairing_codes, "MOST_CODES", 1)
    code = code_on(television)
    assert Client().get("/pair").status_code == 429
    redis.delete(*redis.keys("cashier:code:*"))

    assert code_on(television) != code


def test_each_person_has_a_separate_limit_of_tries(client, manager_of_north, stores, television, monkeypatch) -> None:
    monkeypatch.setattr(pairing, "CODES_OF_PERSON", GuessLimit("one code", 1, 600))
    claim(client, "ABCDEF")
    assert claim(client, "ABCDEF").status_code == 429

    other = Client()
    other.force_login(User.objects.create_user("berta", is_superuser=True))
    assert claim(other, code_on(television)).status_code == 302


def test_behind_https_the_cookie_is_secure(television, environment) -> None:
    assert not television.get("/pair").cookies["screen"]["secure"]
    environment(cashier_https=True)

    assert television.get("/pair").cookies["screen"]["secure"]


def test_all_televisions_together_get_a_limited_number_of_codes(television, monkeypatch, redis) -> None:
    monkeypatch.setattr(pairing_codes, "MOST_CODES_TOGETHER", 2)
    for number in (1, 2):
        assert Client().get("/pair", headers={"x-forwarded-for": f"192.0.2.{number}"}).status_code == 200
    before = redis.dbsize()
    refused = Client().get("/pair", headers={"x-forwarded-for": "192.0.2.3"})

    assert refused.status_code == 503
    assert "No code is available" in refused.content.decode()
    assert redis.dbsize() == before


def test_a_television_beyond_the_limit_is_known_only_as_long_as_its_code_is_valid(monkeypatch, redis) -> None:
    monkeypatch.setattr(pairing_codes, "MOST_KNOWN", 1)
    for _ in range(2):
        assert Client().get("/pair").status_code == 200
    lifetimes = sorted(redis.ttl(key) for key in redis.keys("cashier:pairing:*"))

    assert lifetimes[0] <= pairing_codes.CODE_SECONDS < lifetimes[1]


def test_a_clock_that_is_set_back_locks_nobody_out(redis, monkeypatch) -> None:
    in_an_hour = time.time() + 3600
    with monkeypatch.context() as patch:
        patch.setattr("limits.storage.redis.time.time", lambda: in_an_hour)
        assert seconds_until_allowed("codes", "a television", most=1, seconds=600) == 0

    assert seconds_until_allowed("codes", "a television", most=1, seconds=600) == 0
