"""The buttons page has a button for each till of the store. A manager can choose the store's language there."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cashier_local.ports import free_port
from cashier_web.models import Membership, Role, Store
from tests.support.redis_keys import changed_keys

pytestmark = pytest.mark.django_db


def test_there_is_a_button_for_every_till(client, store) -> None:
    Store.objects.update(tills=6)
    html = client.get("/cashier_buttons").content.decode()

    assert [f'value="{till}"' in html for till in range(1, 8)] == [True] * 6 + [False]


def test_a_change_of_language_is_saved_for_the_store_and_announced(client, store, redis) -> None:
    response = client.post("/cashier_buttons", {"language": "fr"})
    store.refresh_from_db()

    assert response.status_code == 302
    assert store.language == "fr"
    assert redis.hget("cashier:{default}:store", "language") == b"fr"
    assert "Caisse" in client.get("/cashier_buttons").content.decode()


def test_htmx_gets_the_texts_in_the_new_language_and_a_receipt(client, store) -> None:
    response = client.post("/cashier_buttons", {"language": "fr"}, headers={"hx-request": "true"})

    assert json.loads(response["HX-Trigger"])["receipt"]["text"] == "Français"
    assert ">Caisse<" in response.content.decode()


@pytest.mark.parametrize("fields", [{}, {"language": ""}, {"language": "xx"}])
def test_an_unknown_language_is_400_and_changes_nothing(client, store, redis, fields) -> None:
    response = client.post("/cashier_buttons", fields)
    store.refresh_from_db()

    assert response.status_code == 400
    assert store.language == "en"
    assert changed_keys(redis) == []


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_language_stays_as_it_was(client, environment) -> None:
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")

    assert client.post("/cashier_buttons", {"language": "fr"}).status_code == 503
    assert Store.objects.get(slug="default").language == "en"


def test_closed_buttons_lead_to_the_sign_in_page_and_back(client, store, environment) -> None:
    environment(cashier_open_buttons=False)
    anna = User.objects.create_user("anna", password="secret enough")
    Membership.objects.create(person=anna, store=store, role=Role.MANAGER)
    response = client.get("/cashier_buttons")
    assert response["Location"] == "/sign_in?next=/cashier_buttons"

    signed_in = client.post("/sign_in?next=/cashier_buttons", {"username": "anna", "password": "secret enough"})
    assert signed_in["Location"] == "/cashier_buttons"
    assert client.get("/cashier_buttons").status_code == 200
    assert client.post("/cashier_action", {"cashier": "4", "language": "en"}).status_code == 204


def test_a_wrong_password_does_not_sign_in(client, environment) -> None:
    environment(cashier_open_buttons=False)
    User.objects.create_user("anna", password="secret enough")
    response = client.post("/sign_in", {"username": "anna", "password": "wrong"})

    assert response.status_code == 200
    assert "errorlist" in response.content.decode()
    assert client.get("/cashier_buttons").status_code == 302


def test_closed_buttons_refuse_a_press_and_a_language_of_a_stranger(client, store, environment, redis) -> None:
    environment(cashier_open_buttons=False)

    assert client.post("/cashier_action", {"cashier": "4", "language": "en"}).status_code == 403
    assert client.post("/cashier_buttons", {"language": "fr"}).status_code == 403
    store.refresh_from_db()
    assert store.language == "en"
    assert changed_keys(redis) == []


def test_a_change_of_language_without_a_csrf_token_is_403(store) -> None:
    assert Client(enforce_csrf_checks=True).post("/cashier_buttons", {"language": "fr"}).status_code == 403


def test_the_button_of_a_till_shows_its_label(client, store) -> None:
    Store.objects.update(labels={"2": "Pharmacy <&>", "3": "12"})
    html = client.get("/cashier_buttons").content.decode()

    assert ">Pharmacy &lt;&amp;&gt;<" in html
    assert [f">Nº{number}<" in html for number in (1, 2, 3, 4, 12)] == [True, False, False, True, True]


def test_only_the_languages_that_the_store_offers_can_be_chosen(client, store, redis) -> None:
    Store.objects.update(languages=["en"])

    assert "Français" not in client.get("/cashier_buttons").content.decode()
    assert client.post("/cashier_buttons", {"language": "fr"}).status_code == 400
    assert client.post("/cashier_action", {"cashier": "4", "language": "fr"}).status_code == 400
    assert changed_keys(redis) == []


def test_a_closed_store_stays_closed_after_a_change_of_language(client, store, redis) -> None:
    Store.objects.update(is_open=False)
    assert "<small>closed</small>" in client.get("/cashier_buttons").content.decode()

    client.post("/cashier_buttons", {"language": "fr"})
    assert redis.hget("cashier:{default}:store", "notice").decode() == "Nous sommes fermés"
