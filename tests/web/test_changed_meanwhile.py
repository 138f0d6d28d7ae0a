"""A value is checked against the settings that a store has when the value is saved, not when the request began.

Each test lets another person change the database after the request has read the store for the first time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from cashier_web.models import Device, Membership, Role, Screen, Store
from tests.web.test_admin import FIELDS
from tests.web.test_pairing import claim, code_on
from tests.web.test_people import choose_password

pytestmark = pytest.mark.django_db


@contextmanager
def after_query(part: str, change: Callable[[], object]) -> Iterator[None]:
    """Call `change` once, directly after the first SQL statement that contains `part`."""
    waiting = [change]

    def run(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if waiting and part in sql:
            waiting.pop()()
        return result

    with connection.execute_wrapper(run):
        yield
    assert not waiting, "no statement contains this part"


def change_store(**values) -> Callable[[], object]:
    return lambda: Store.objects.filter(slug="default").update(**values)


READS_STORE = "FROM cashier_web_store store"


def test_a_manager_cannot_select_a_language_that_an_administrator_has_just_removed(
    client, manager, make_button, environment
) -> None:
    environment(cashier_open_buttons=False)
    with after_query(READS_STORE, change_store(languages=["en"])):
        answer = client.post("/cashier_buttons", {"language": "fr"})

    assert (answer.status_code, answer.content.decode()) == (400, "This language is not offered.\n")
    assert Store.objects.get().language == "en"
    assert make_button().press(till=1).status_code == 201


def test_an_administrator_cannot_remove_the_language_that_a_manager_has_just_selected(admin_client, store) -> None:
    Store.objects.update(languages=["en", "fr", "de"], language="en")
    fields = {**FIELDS, "slug": "default", "languages": ["en", "fr"], "language": "en", "labels": "", "arrows": ""}
    # The administrator's form still has the old language.
    with after_query('FROM "cashier_web_store"', change_store(language="de")):
        admin_client.post(f"/admin/cashier_web/store/{store.pk}/change/", fields)
    store.refresh_from_db()

    assert store.language in store.languages


def test_a_store_whose_language_is_not_among_its_languages_can_still_be_called(make_button) -> None:
    """Versions before 0.2 could leave such a store behind."""
    change_store(languages=["fr"], language="en")()

    assert make_button().press(till=1).status_code == 201
    assert make_button().press(till=1, language="de").status_code == 422


def test_no_device_is_created_for_a_till_that_was_just_removed(client, manager) -> None:
    with after_query(READS_STORE, change_store(tills=2)):
        answer = client.post("/devices", {"name": "Button", "till": "4"})

    assert answer.status_code == 400
    assert Device.objects.count() == 0


@pytest.fixture
def north(client, stores) -> Store:
    """A store that can be deleted. Its manager has signed in."""
    anna = User.objects.create_user("anna")
    for each in stores:
        Membership.objects.create(person=anna, store=each, role=Role.MANAGER)
    client.force_login(anna)
    return stores[0]


def delete_north() -> None:
    Store.objects.get(slug="north").delete()


@pytest.mark.usefixtures("north")
def test_no_device_is_created_in_a_store_that_was_just_deleted(client) -> None:
    with after_query(READS_STORE, delete_north):
        assert client.post("/s/north/devices", {"name": "Button", "till": ""}).status_code == 404
    assert Device.objects.count() == 0


@pytest.mark.usefixtures("north")
def test_nobody_gets_a_role_in_a_store_that_was_just_deleted(client) -> None:
    with after_query(READS_STORE, delete_north):
        assert client.post("/s/north/people", {"username": "berta", "role": "2"}).status_code == 404
    assert not User.objects.filter(username="berta").exists()


@pytest.mark.usefixtures("north")
def test_no_screen_is_paired_with_a_store_that_was_just_deleted(client, television) -> None:
    code = code_on(television)
    with after_query('"cashier_web_screen"."name" = ', delete_north):
        assert claim(client, code).status_code == 404
    assert Screen.objects.count() == 0


def test_no_screen_is_moved_to_a_store_that_was_just_deleted(client, north) -> None:
    south = Store.objects.get(slug="south")
    screen = Screen.objects.create(store=south, name="Entrance", secret_hash="x")
    fields = {"name": "Entrance", "store": "north", "volume": ""}
    with after_query('"cashier_web_screen"."name" = ', delete_north):
        assert client.post(f"/s/south/screens/{screen.pk}/change", fields).status_code == 404
    screen.refresh_from_db()
    assert (screen.store, screen.revoked_at) == (south, None)


def test_an_invitation_that_was_just_used_does_not_work_a_second_time(client, north) -> None:
    page = client.post("/s/north/people", {"username": "berta", "role": "2"})
    path = "/welcome/" + page.context["link"].partition("/welcome/")[2]
    invited = Client()
    form = invited.get(path)["Location"]
    with after_query('FROM "auth_user" WHERE "auth_user"."id" = ', lambda: choose_password(path, "the first password")):
        invited.post(form, {"new_password1": "the second password", "new_password2": "the second password"})

    assert User.objects.get(username="berta").check_password("the first password")
