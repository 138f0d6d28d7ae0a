"""The forms of managers had other URLs before version 0.1. These old URLs still work until version 0.2."""

import pytest
from django.core.files.base import ContentFile

from cashier_web.models import Device, Medium, Membership, Screen, Store
from tests.web.test_media import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(django_user_model, store):
    person = django_user_model.objects.create_user("berta")
    Membership.objects.create(person=person, store=store, role=2)
    return person


def test_a_device_is_renewed_and_revoked(client, manager, store) -> None:
    device = Device.objects.create(store=store, name="Button", token_hash="old")

    assert client.post(f"/devices/{device.pk}", {"action": "renew"}).status_code == 200
    device.refresh_from_db()
    assert device.token_hash != "old"
    assert client.post(f"/devices/{device.pk}", {"action": "revoke"})["Location"] == "/devices"
    device.refresh_from_db()
    assert device.revoked_at


def test_a_screen_is_changed_and_revoked(client, manager, store, redis) -> None:
    screen = Screen.objects.create(store=store, name="Entrance", secret_hash="a")
    fields = {"action": "change", "name": "Window", "store": "default"}

    assert client.post(f"/screens/{screen.pk}", fields)["Location"] == "/screens"
    assert Screen.objects.get().name == "Window"
    assert client.post(f"/screens/{screen.pk}", {"action": "revoke"})["Location"] == "/screens"
    assert Screen.objects.get().revoked_at


def test_a_picture_is_changed_moved_and_deleted(client, manager, store, redis) -> None:
    first, second = (
        Medium.objects.create(store=store, kind="picture", file=f"{number}.png", position=number) for number in (1, 2)
    )
    for pk, action in ((first.pk, "change"), (first.pk, "down"), (first.pk, "up"), (first.pk, "down")):
        fields = {"action": action, "seconds": "20"}
        assert client.post(f"/media/{pk}", fields)["Location"] == "/media"
    assert [(each.pk, each.seconds) for each in store.media.all()] == [(second.pk, 10), (first.pk, 20)]

    client.post(f"/media/{second.pk}", {"action": "delete"})
    assert list(store.media.all()) == [first]


def test_a_logo_is_removed(client, manager, store, redis) -> None:
    client.post("/logo", {"logo": ContentFile(picture(), "logo.png")})
    assert Store.objects.get().logo

    assert client.post("/logo", {"action": "remove"})["Location"] == "/media"
    assert not Store.objects.get().logo


def test_a_person_gets_another_role_and_a_link_and_is_removed(client, manager, store, person) -> None:
    path = f"/people/{person.pk}"

    assert client.post(path, {"action": "change", "role": "1"})["Location"] == "/people"
    assert Membership.objects.get(person=person).role == 1
    assert "/welcome/" in client.post(path, {"action": "link"}).content.decode()
    client.post(path, {"action": "remove"})
    assert not Membership.objects.filter(person=person).exists()


def test_an_unknown_action_is_400(client, manager, store) -> None:
    for path in ("/devices/1", "/screens/1", "/media/1", "/people/1", "/logo"):
        assert client.post(path, {"action": "burn"}).status_code == 400, path
    for path in ("/devices/1", "/screens/1", "/media/1", "/people/1"):
        assert client.post(path).status_code == 400, path


def test_another_store_has_the_same_urls(client, manager_of_north, stores) -> None:
    device = Device.objects.create(store=stores[0], name="Button", token_hash="old")

    assert client.post(f"/s/north/devices/{device.pk}", {"action": "revoke"})["Location"] == "/s/north/devices"
    assert client.post(f"/s/south/devices/{device.pk}", {"action": "revoke"}).status_code == 403
