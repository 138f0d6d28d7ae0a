"""On the people page, managers invite people to their store and change their roles.

A manager cannot use the page to get more permissions than a manager has.
"""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cashier_web.accounts import people
from cashier_web.models import Membership, Role, Store

pytestmark = pytest.mark.django_db
PASSWORD = "secret enough"


@pytest.fixture(autouse=True)
def closed_buttons(environment) -> None:
    environment(cashier_open_buttons=False)


@pytest.fixture
def north() -> Store:
    return Store.objects.create(slug="north", name="North")


def link_on(response) -> str:
    return re.search(r"<pre>http://testserver(/welcome/\S+)</pre>", response.content.decode())[1]


def choose_password(link, password=PASSWORD):
    """Open the link of an invitation in another browser, choose the password, and return the next page."""
    browser = Client()
    form = browser.get(link, follow=True)
    return browser.post(form.request["PATH_INFO"], {"new_password1": password, "new_password2": password}, follow=True)


def test_a_new_person_gets_a_link_chooses_a_password_and_is_signed_in(client, manager, store) -> None:
    made = client.post("/people", {"username": "berta", "first_name": "Berta", "role": "2"})
    assert "no-store" in made["Cache-Control"]
    link = link_on(made)
    page = choose_password(link)

    assert page.redirect_chain[-1][0] == "/till"
    assert page.context["user"].username == "berta"
    assert Client().login(request=page.wsgi_request, username="berta", password=PASSWORD)
    assert link not in client.get("/people").content.decode()


def test_a_link_can_be_used_once(client, manager) -> None:
    link = link_on(client.post("/people", {"username": "berta", "role": "2"}))
    choose_password(link)
    again = Client().get(link, follow=True)

    assert "This link no longer works" in again.content.decode()
    assert "<form" not in again.content.decode()


def test_a_weak_password_is_refused_with_the_reason(client, manager) -> None:
    link = link_on(client.post("/people", {"username": "berta", "role": "2"}))

    assert "too common" in choose_password(link, "password").content.decode()
    assert not User.objects.get(username="berta").has_usable_password()


def test_a_role_is_changed_and_removed(client, manager, store) -> None:
    client.post("/people", {"username": "berta", "role": "2"})
    berta = User.objects.get(username="berta")
    assert client.post(f"/people/{berta.pk}/change", {"role": "3"})["Location"] == "/people"
    assert Membership.objects.get(person=berta).role == Role.MANAGER

    client.post(f"/people/{berta.pk}/remove")
    assert not berta.memberships.exists()
    assert User.objects.filter(username="berta").exists()


def test_only_an_administrator_adds_a_person_who_works_in_another_store(client, manager, store, north) -> None:
    berta = User.objects.create_user("berta", password=PASSWORD)
    Membership.objects.create(person=berta, store=north, role=Role.MANAGER)
    answer = client.post("/people", {"username": "berta", "first_name": "Evil", "role": "2"})
    assert answer.status_code == 400
    assert "Ask an administrator" in answer.content.decode()

    User.objects.filter(pk=manager.pk).update(is_superuser=True)
    assert client.post("/people", {"username": "berta", "first_name": "Evil", "role": "2"})["Location"] == "/people"
    berta.refresh_from_db()
    assert berta.first_name == ""
    assert berta.check_password(PASSWORD)
    assert {each.store.slug for each in berta.memberships.all()} == {"default", "north"}


def test_no_manager_makes_a_link_for_somebody_who_works_elsewhere(client, manager, store, north) -> None:
    berta = User.objects.create_user("berta", password=PASSWORD)
    for each in (store, north):
        Membership.objects.create(person=berta, store=each)
    answer = client.post(f"/people/{berta.pk}/link")

    assert answer.status_code == 403
    assert "Ask an administrator" in answer.content.decode()


def test_a_link_is_invalid_after_the_account_has_got_another_role(client, manager, north) -> None:
    link = link_on(client.post("/people", {"username": "berta", "role": "2"}))
    assert "<form" in Client().get(link, follow=True).content.decode()
    Membership.objects.create(person=User.objects.get(username="berta"), store=north, role=Role.MANAGER)

    assert "This link no longer works" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize("more", ["is_staff", "is_superuser"])
def test_a_link_is_invalid_after_the_account_has_become_an_administrator(client, manager, more) -> None:
    link = link_on(client.post("/people", {"username": "berta", "role": "2"}))
    User.objects.filter(username="berta").update(**{more: True})

    assert "This link no longer works" in Client().get(link, follow=True).content.decode()


def test_a_username_is_normalized_in_the_same_way_as_at_the_sign_in(client, manager) -> None:
    client.post("/people", {"username": "ｂerta", "role": "2"})

    assert User.objects.filter(username="berta").exists()


def test_one_of_two_requests_that_add_the_same_person_at_once_is_refused(client, manager, store, monkeypatch) -> None:
    berta = User.objects.create_user("berta")

    def add(request, store, **fields):
        Membership.objects.create(person=berta, store=store)
        Membership.objects.create(person=berta, store=store)

    monkeypatch.setattr(people, "add_person", add)
    answer = client.post("/people", {"username": "berta", "role": "2"})

    assert answer.status_code == 400
    assert "already has a role" in answer.content.decode()


def test_a_page_with_a_link_is_not_cached(client, manager) -> None:
    client.post("/people", {"username": "berta", "role": "2"})
    link = client.post(f"/people/{User.objects.get(username='berta').pk}/link")

    assert "no-store" in link["Cache-Control"]


def test_a_manager_of_both_stores_may_make_the_link(client, manager, store, north) -> None:
    berta = User.objects.create_user("berta")
    for each in (store, north):
        Membership.objects.create(person=berta, store=each)
    assert client.post(f"/people/{berta.pk}/link").status_code == 403

    Membership.objects.create(person=manager, store=north, role=Role.CASHIER)
    assert client.post(f"/people/{berta.pk}/link").status_code == 403
    Membership.objects.update(role=Role.MANAGER)
    assert client.post(f"/people/{berta.pk}/link").status_code == 200


@pytest.mark.parametrize("more", [{"is_superuser": True}, {"is_staff": True}, {"is_active": False}], ids=str)
def test_no_manager_makes_a_link_to_an_account_with_more_permissions(client, manager, store, more) -> None:
    boss = User.objects.create_user("boss", **more)
    Membership.objects.create(person=boss, store=store)

    assert client.post(f"/people/{boss.pk}/link").status_code == 403


def test_only_an_administrator_adds_an_account_that_has_no_store(client, manager) -> None:
    User.objects.create_user("boss", is_superuser=True)
    answer = client.post("/people", {"username": "boss", "role": "1"})
    assert answer.status_code == 400
    assert "Ask an administrator" in answer.content.decode()

    User.objects.filter(pk=manager.pk).update(is_superuser=True)
    assert client.post("/people", {"username": "boss", "role": "1"}).status_code == 302


def test_managers_cannot_change_their_own_role(client, manager) -> None:
    for action, fields in (("remove", {}), ("change", {"role": "1"})):
        assert client.post(f"/people/{manager.pk}/{action}", fields).status_code == 403
    assert Membership.objects.get().role == Role.MANAGER


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"username": "anna", "role": "2"}, "already has a role"),
        ({"username": "", "role": "2"}, "This field is required."),
        ({"username": "a b", "role": "2"}, "Enter a valid username"),
        ({"username": "x" * 151, "role": "2"}, "at most 150"),
        ({"username": "berta", "role": "4"}, "valid choice"),
        ({"username": "berta"}, "This field is required."),
        ({"username": "berta", "role": "2", "first_name": "=A1"}, "A name must not begin with “=”."),
        ({"username": "berta", "role": "2", "last_name": "a\nb"}, "one line of text"),
    ],
    ids=str,
)
def test_a_person_with_invalid_fields_is_refused_with_a_reason_and_not_created(client, manager, fields, reason) -> None:
    answer = client.post("/people", fields)

    assert answer.status_code == 400
    assert reason in answer.content.decode()
    assert User.objects.count() == 1


def test_an_unknown_role_and_an_unknown_person_are_refused(client, manager) -> None:
    client.post("/people", {"username": "berta", "role": "2"})
    berta = User.objects.get(username="berta").pk

    for fields in ({}, {"role": "9"}):
        assert client.post(f"/people/{berta}/change", fields).status_code == 400
    assert client.post(f"/people/{berta + 1}/remove").status_code == 404
