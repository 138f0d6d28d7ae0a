"""Nobody can guess secrets without end: old passwords, pairing codes, links of invitations, tokens of devices.

Each limit counts wrong guesses only, for a person and for an address. An IPv6 address counts as its /64 network.
"""

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from cashier_web.accounts import sign_in
from cashier_web.accounts.people import welcome_path
from cashier_web.api import views as api
from cashier_web.infra.rate_limit import GuessLimit, seconds_until_guess
from cashier_web.infra.request_info import client_address, limited_address
from cashier_web.models import Membership, Role, Screen
from cashier_web.screens import pairing
from tests.web.test_pairing import claim, code_on

pytestmark = pytest.mark.django_db
PASSWORD, NEW = "secret enough", "another secret"


@pytest.mark.parametrize(
    ("address", "limited"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_all_addresses_of_an_ipv6_network_count_as_one(address, limited) -> None:
    assert limited_address(address) == limited
    assert client_address(RequestFactory().get("/", headers={"x-forwarded-for": address}, REMOTE_ADDR="")) == limited


def sign_in_from(address: str, password: str) -> int:
    fields = {"username": "anna", "password": password}
    return Client().post("/sign_in", fields, headers={"x-forwarded-for": address}).status_code


def test_the_sign_in_is_locked_for_a_whole_ipv6_network(store) -> None:
    User.objects.create_user("anna", password=PASSWORD)
    statuses = [sign_in_from(f"2001:db8:1:2::{number}", "wrong") for number in range(1, 6)]

    assert 429 not in statuses[:4]
    assert sign_in_from("2001:db8:1:2:ffff::", PASSWORD) == 429
    assert sign_in_from("2001:db8:1:3::1", PASSWORD) == 302


@pytest.fixture
def anna(client, store) -> User:
    anna = User.objects.create_user("anna", password=PASSWORD)
    client.force_login(anna)
    return anna


def change_password(client, old, new=NEW, **headers):
    fields = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post("/password", fields, headers=headers)


@pytest.mark.usefixtures("anna")
def test_after_five_wrong_old_passwords_the_right_one_is_refused_from_every_address(client) -> None:
    assert [change_password(client, "wrong").status_code for _ in range(5)] == [200] * 5
    for address in ("192.0.2.1", "192.0.2.2"):
        refused = change_password(client, PASSWORD, **{"x-forwarded-for": address})
        assert refused.status_code == 429
        assert 0 < int(refused["Retry-After"]) <= 900
        assert "Try again in 15 minutes" in refused.content.decode()
    other = Client()
    other.force_login(User.objects.create_user("berta", password=PASSWORD))
    assert change_password(other, PASSWORD).status_code == 302


@pytest.mark.usefixtures("anna")
def test_a_right_old_password_does_not_count_even_with_a_bad_new_password(client) -> None:
    assert [change_password(client, PASSWORD, "short").status_code for _ in range(10)] == [200] * 10
    assert [change_password(client, "wrong").status_code for _ in range(4)] == [200] * 4
    assert change_password(client, PASSWORD).status_code == 302
    # The right old password has not reset the count: the four wrong guesses still count.
    assert [change_password(client, "wrong").status_code for _ in range(2)] == [200, 429]


@pytest.mark.usefixtures("anna")
def test_old_passwords_of_many_accounts_are_limited_per_address(client, monkeypatch) -> None:
    monkeypatch.setattr(sign_in, "OLD_PASSWORDS_OF_ADDRESS", GuessLimit("few", 2, 900))
    for number in range(3):
        other = Client()
        other.force_login(User.objects.create_user(f"person {number}"))
        last = change_password(other, "wrong")

    assert last.status_code == 429


def test_a_guess_that_is_refused_because_of_the_address_does_not_count_for_the_person(redis) -> None:
    person, address = GuessLimit("person", 1, 60), GuessLimit("address", 1, 60)
    assert seconds_until_guess((person, "anna"), (address, "192.0.2.7")) == 0
    assert seconds_until_guess((person, "bob"), (address, "192.0.2.7")) > 0

    assert seconds_until_guess((person, "bob"), (address, "192.0.2.8")) == 0


def test_the_admin_has_no_second_page_where_old_passwords_can_be_guessed(admin_client) -> None:
    for method in (admin_client.get, admin_client.post):
        answer = method("/admin/password_change/", {"old_password": "wrong"})
        assert (answer.status_code, answer["Location"]) == (302, "/password")


@pytest.fixture
def many_managers(stores):
    """Return a function that signs a new manager of the store north in."""

    def make() -> Client:
        manager = User.objects.create_user(f"manager {User.objects.count()}")
        Membership.objects.create(person=manager, store=stores[0], role=Role.MANAGER)
        other = Client()
        other.force_login(manager)
        return other

    return make


def test_many_accounts_of_one_store_cannot_guess_more_codes_than_the_store_may(many_managers, television) -> None:
    statuses = [
        claim(manager, "ABCDEF").status_code for manager in (many_managers() for _ in range(4)) for _ in "ten tries."
    ]
    assert statuses == [400] * 30 + [429] * 10

    refused = claim(many_managers(), code_on(television))
    assert (refused.status_code, Screen.objects.count()) == (429, 0)
    assert 0 < int(refused["Retry-After"]) <= 600
    other = Client()
    other.force_login(User.objects.create_user("boss", is_superuser=True))
    assert claim(other, code_on(television), store="south").status_code == 302


def test_right_codes_do_not_count(many_managers) -> None:
    manager = many_managers()
    for number in range(15):
        assert claim(manager, code_on(Client()), name=f"Screen {number}").status_code == 302


def test_a_right_code_does_not_reset_the_count_of_wrong_codes(many_managers) -> None:
    manager = many_managers()
    assert [claim(manager, "ABCDEF").status_code for _ in range(9)] == [400] * 9
    assert claim(manager, code_on(Client()), name="own").status_code == 302
    assert [claim(manager, "ABCDEF").status_code for _ in range(2)] == [400, 429]


def test_wrong_codes_from_one_address_are_limited(many_managers, monkeypatch) -> None:
    monkeypatch.setattr(pairing, "CODES_OF_ADDRESS", GuessLimit("few", 1, 600))

    assert [claim(many_managers(), "ABCDEF").status_code for _ in range(2)] == [400, 429]


def test_links_that_do_not_work_are_limited_and_a_link_that_works_is_not(store, monkeypatch) -> None:
    monkeypatch.setattr(sign_in, "WRONG_LINKS", GuessLimit("few", 3, 900))
    person = User.objects.create_user("anna")
    path = welcome_path(person)
    statuses = [Client().get(f"{path[:-1]}{'0' if path[-1] != '0' else '1'}").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = Client().get("/welcome/MQ/x-y", headers={"accept-language": "de"})
    assert 0 < int(refused["Retry-After"]) <= 900
    assert "Zu viele Links" in refused.content.decode()

    invited = Client()
    form = invited.get(path)["Location"]
    assert invited.post(form, {"new_password1": NEW, "new_password2": NEW}).status_code == 302
    assert invited.session["_auth_user_id"] == str(person.pk)


def test_wrong_tokens_are_limited_and_a_right_token_at_the_same_address_is_not(make_button, monkeypatch) -> None:
    monkeypatch.setattr(api, "WRONG_TOKENS", GuessLimit("few", 3, 60))
    button = make_button(till=4)
    wrong = [Client().post(f"/api/v1/press?token=cq_{number}") for number in range(4)]
    assert [answer.status_code for answer in wrong] == [401, 401, 401, 429]
    assert 0 < int(wrong[-1]["Retry-After"]) <= 60
    assert "Too many requests with a wrong token" in wrong[-1].json()["detail"]
    assert Client().post("/api/v1/stores/default/calls", headers={"authorization": "Bearer cq_x"}).status_code == 429

    assert Client().post(f"/api/v1/press?token={button.token}").status_code == 201


def test_without_redis_nobody_can_guess_old_passwords(anna, client, environment) -> None:
    environment(redis_url="redis://127.0.0.1:1/0")
    answer = change_password(client, PASSWORD)

    assert answer.status_code == 503
    assert "Nothing was changed" in answer.content.decode()


def test_a_clock_that_was_set_back_locks_nobody_out_for_longer(client, anna, redis) -> None:
    for _ in range(6):
        change_password(client, "wrong")
    for key in redis.keys("cashier:limit*"):
        # A key expires at a time of the day. If the clock is set back by an hour, the key lives an hour longer.
        redis.expire(key, 3600 + 900)

    assert change_password(client, PASSWORD).status_code == 302


def test_the_counts_of_guesses_expire(client, anna, many_managers, redis) -> None:
    change_password(client, "wrong")
    change_password(client, PASSWORD)
    claim(many_managers(), "ABCDEF")
    Client().get("/welcome/MQ/x-y")
    Client().post("/api/v1/press?token=cq_x")

    keys = redis.keys("cashier:limit*")
    assert len(keys) == 7
    assert all(0 < redis.ttl(key) <= 900 for key in keys)
