"""A form that changes something which somebody else has just deleted is answered with 404, and changes nothing.

The same is true for something that belongs to another store.
"""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.http import HttpResponse
from django.utils import timezone

from cashier_web.accounts import people
from cashier_web.calls import buttons
from cashier_web.devices import views as devices
from cashier_web.models import Device, Medium, Membership, Role, Screen, Store
from cashier_web.screens import manage
from tests.support.redis_keys import changed_keys

pytestmark = pytest.mark.django_db
GONE = "This no longer exists. Somebody may have just deleted it. Go back and reload the page.\n"


def add_medium(store: Store, name: str) -> int:
    position = store.media.count() + 1
    return Medium.objects.create(store=store, kind="picture", file=f"{name}.png", position=position).pk


def add_screen(store: Store, name: str) -> int:
    return Screen.objects.create(store=store, name=name, secret_hash=f"{store.slug} {name}").pk


def add_device(store: Store, name: str) -> int:
    return Device.objects.create(store=store, name=name, token_hash=f"{store.slug} {name}").pk


def add_person(store: Store, name: str) -> int:
    person = User.objects.create_user(f"{store.slug}-{name}")
    Membership.objects.create(person=person, store=store, role=Role.CASHIER)
    return person.pk


ADD = {"media": add_medium, "screens": add_screen, "devices": add_device, "people": add_person}
DELETE: dict[str, Callable[[int], object]] = {
    "media": lambda number: Medium.objects.filter(pk=number).delete(),
    "screens": lambda number: Screen.objects.filter(pk=number).update(revoked_at=timezone.now()),
    "devices": lambda number: Device.objects.filter(pk=number).delete(),
    "people": lambda number: Membership.objects.filter(person=number).delete(),
}
FORMS = [
    *(("media", action, {}) for action in ("up", "down", "delete")),
    ("media", "change", {"seconds": "20"}),
    ("media", "change", {"seconds": "x"}),
    ("screens", "change", {"name": "Window", "store": "default", "volume": "9"}),
    ("screens", "change", {"name": "", "store": "default"}),
    ("screens", "revoke", {}),
    ("devices", "renew", {}),
    ("devices", "revoke", {}),
    ("people", "change", {"role": "3"}),
    ("people", "change", {"role": "x"}),
    ("people", "remove", {}),
    ("people", "link", {}),
]


def database() -> str:
    """Return everything that the forms could change, as one text."""
    models = (Store, Medium, Screen, Device, Membership, User)
    return "".join(serializers.serialize("json", model.objects.order_by("pk")) for model in models)


def post_and_expect_404(client, path: str, fields: dict[str, str]) -> None:
    before = database()
    response: HttpResponse = client.post(path, fields)

    assert (response.status_code, response.content.decode()) == (404, GONE)
    assert database() == before


@pytest.mark.parametrize(("kind", "action", "fields"), FORMS, ids=str)
@pytest.mark.parametrize("others", [0, 1, 2])
def test_something_deleted_cannot_be_changed(client, manager, store, redis, kind, action, fields, others) -> None:
    number = ADD[kind](store, "deleted")
    for name in ("a", "b")[:others]:
        ADD[kind](store, name)
    DELETE[kind](number)

    post_and_expect_404(client, f"/{kind}/{number}/{action}", fields)
    post_and_expect_404(client, f"/s/default/{kind}/{number}/{action}", fields)
    post_and_expect_404(client, f"/{kind}/{number}", {**fields, "action": action})
    post_and_expect_404(client, f"/{kind}/{2**70}/{action}", fields)
    assert changed_keys(redis) == []


@pytest.mark.parametrize(("kind", "action", "fields"), FORMS, ids=str)
@pytest.mark.parametrize("manages_both", [False, True])
def test_something_of_another_store_cannot_be_changed(
    client, manager, store, stores, redis, kind, action, fields, manages_both
) -> None:
    if manages_both:
        Membership.objects.create(person=manager, store=stores[0], role=Role.MANAGER)
    number = ADD[kind](stores[0], "of the other store")
    ADD[kind](store, "of this store")

    post_and_expect_404(client, f"/{kind}/{number}/{action}", fields)
    assert changed_keys(redis) == []


@pytest.mark.parametrize(
    ("kind", "action"), [("media", "delete"), ("screens", "revoke"), ("people", "remove")], ids=str
)
def test_the_second_of_two_clicks_on_delete_changes_nothing(client, manager, store, kind, action) -> None:
    number = ADD[kind](store, "a")
    ADD[kind](store, "b")

    assert client.post(f"/{kind}/{number}/{action}").status_code == 302
    post_and_expect_404(client, f"/{kind}/{number}/{action}", {})


def test_the_second_of_two_clicks_on_revoke_leaves_the_device_revoked(client, manager, store) -> None:
    """A revoked device stays on the page, because it can get a new token. So the second click is no error."""
    number = add_device(store, "a")
    assert client.post(f"/devices/{number}/revoke").status_code == 302
    before = database()

    assert client.post(f"/devices/{number}/revoke").status_code == 302
    assert database() == before


def test_removing_a_logo_that_was_just_removed_changes_nothing(client, manager, store, redis) -> None:
    before = database()

    assert client.post("/logo/remove").status_code == 302
    assert (database(), changed_keys(redis)) == (before, [])


@pytest.mark.parametrize("action", ["change", "revoke"])
@pytest.mark.parametrize("happens", ["revoked", "moved"])
def test_a_screen_that_is_revoked_or_moved_during_the_request_is_not_changed(
    client, manager, store, stores, monkeypatch, action, happens
) -> None:
    """The other request comes after the tested request has read the screen, and before it locks the screen."""
    number = add_screen(store, "Entrance")
    changes = {"revoked_at": timezone.now()} if happens == "revoked" else {"store": stores[0]}
    name = {"change": "update_screens", "revoke": "revoke_screens"}[action]
    original = getattr(manage, name)

    def after_another_request(chosen, **fields):
        Screen.objects.filter(pk=number).update(**changes)
        return original(chosen, **fields)

    monkeypatch.setattr(manage, name, after_another_request)
    response = client.post(f"/screens/{number}/{action}", {"name": "Window", "store": "default"})

    assert response.status_code == 404
    screen = Screen.objects.get()
    assert (screen.name, screen.generation) == ("Entrance", 1)


def test_a_store_that_is_deleted_during_a_change_of_language_is_404(client, store, stores, monkeypatch) -> None:
    def after_another_request(request, deleted):
        Store.objects.filter(pk=deleted.pk).delete()
        return original(request, deleted)

    original = buttons.change_language
    monkeypatch.setattr(buttons, "change_language", after_another_request)

    assert client.post("/s/north/cashier_buttons", {"language": "fr"}).status_code == 404
    assert not Store.objects.filter(slug="north").exists()


@pytest.mark.parametrize(
    ("path", "fields"), [("/s/north/devices", {"name": "Keypad"}), ("/s/north/people", {"username": "b", "role": "1"})]
)
@pytest.mark.django_db(transaction=True)
def test_nothing_is_added_to_a_store_that_is_deleted_during_the_request(client, monkeypatch, path, fields) -> None:
    north = Store.objects.create(slug="north", name="North")
    client.force_login(User.objects.create_superuser("boss"))

    for module, name in ((devices, "give_new_token"), (people, "add_person")):
        original = getattr(module, name)

        def after_another_request(*arguments, original=original, **more):
            Store.objects.filter(pk=north.pk).delete()
            return original(*arguments, **more)

        monkeypatch.setattr(module, name, after_another_request)
    response = client.post(path, fields)

    assert response.status_code in {400, 404}
    assert not Device.objects.exists()
    assert not User.objects.filter(username="b").exists()
