"""On the devices page, a manager creates devices, gives them new tokens, and revokes them.

A token is shown only once.
"""

import re

import pytest

from cashier_web.devices import views
from cashier_web.models import Device, Membership, Role, Store

pytestmark = pytest.mark.django_db


def token_on(response) -> str:
    return re.search(r"<code>(cq_[\w-]{43})</code>", response.content.decode())[1]


def press(client, token, till=4):
    headers = {"authorization": f"Bearer {token}"}
    return client.post("/api/v1/stores/default/calls", {"till": till}, content_type="application/json", headers=headers)


def test_a_token_is_shown_once_and_can_press(client, manager) -> None:
    made = client.post("/devices", {"name": "Keypad", "till": ""})
    assert made.status_code == 200
    assert "no-store" in made["Cache-Control"]
    token = token_on(made)

    assert press(client, token).status_code == 201
    later = client.get("/devices").content.decode()
    assert "Keypad" in later
    assert "cq_" not in later
    assert "?token=" not in made.content.decode(), "the address must not contain a token that can press for every till"


def test_the_page_shows_the_address_for_a_button_of_one_till(client, manager) -> None:
    page = client.post("/devices", {"name": "Button 3", "till": "3"})
    address = re.search(r"http://testserver(/api/v1/press\?token=\S+)</pre>", page.content.decode())[1]

    assert client.get(address).json()["till"] == 3
    assert press(client, token_on(page), 3).status_code == 201
    assert press(client, token_on(page), 4).status_code == 403


def test_a_revoked_token_stays_revoked_and_a_new_token_replaces_the_old_one(client, manager) -> None:
    first = token_on(client.post("/devices", {"name": "Keypad"}))
    device = Device.objects.get()
    second = token_on(client.post(f"/devices/{device.pk}/renew"))
    assert (press(client, first).status_code, press(client, second).status_code) == (401, 201)

    assert client.post(f"/devices/{device.pk}/revoke")["Location"] == "/devices"
    assert press(client, second).status_code == 401
    page = client.get("/devices").content.decode()
    assert "can no longer call" in page
    assert "revoked " in page
    third = token_on(client.post(f"/devices/{device.pk}/renew"))
    assert press(client, third).status_code == 201


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "Keypad"}, "Another device of this store already has this name."),
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 101}, "at most 100"),
        ({"name": "two\nlines"}, "one line of text"),
        ({"name": "@Other"}, "begin with “@”"),
        ({"name": "Other", "till": "5"}, "This store has no till"),
        ({"name": "Other", "till": "x"}, "This store has no till"),
        ({"name": "Other", "till": "-1"}, "This store has no till"),
    ],
    ids=str,
)
def test_a_device_with_invalid_fields_is_refused_with_a_reason_and_not_created(
    client, manager, store, fields, reason
) -> None:
    Device.objects.create(store=store, name="Keypad", token_hash="x")
    answer = client.post("/devices", fields)

    assert answer.status_code == 400
    assert reason in answer.content.decode()
    assert Device.objects.count() == 1


def test_devices_of_two_stores_may_have_the_same_name(client, manager) -> None:
    north = Store.objects.create(slug="north", name="North")
    Membership.objects.create(person=manager, store=north, role=Role.MANAGER)
    for path in ("/devices", "/s/north/devices"):
        assert client.post(path, {"name": "Keypad"}).status_code == 200

    assert Device.objects.count() == 2


def test_one_of_two_requests_that_create_the_same_device_at_once_is_refused(
    client, manager, store, monkeypatch
) -> None:
    def renew(device):
        Device.objects.create(store=store, name=device.name, token_hash="first")
        device.save()

    monkeypatch.setattr(views, "give_new_token", renew)
    answer = client.post("/devices", {"name": "Keypad"})

    assert answer.status_code == 400
    assert "Another device of this store already has this name." in answer.content.decode()


def test_a_page_with_a_token_is_not_cached(client, manager, store) -> None:
    device = Device.objects.create(store=store, name="Keypad", token_hash="x")

    assert "no-store" in client.post(f"/devices/{device.pk}/renew")["Cache-Control"]


def test_the_page_shows_times_in_the_stores_time_zone(client, manager, store) -> None:
    Store.objects.update(time_zone="Asia/Tokyo")
    Device.objects.create(store=store, name="Keypad", token_hash="x", used_at="2026-01-01T20:30Z")

    assert "01/02/2026 5:30 a.m." in client.get("/devices").content.decode()


def test_an_unknown_device_is_answered_with_404_and_a_get_request_with_405(client, manager, store) -> None:
    device = Device.objects.create(store=store, name="Keypad", token_hash="x")

    assert client.get(f"/devices/{device.pk}/revoke").status_code == 405
    assert client.post(f"/devices/{device.pk + 1}/revoke").status_code == 404


def test_with_open_buttons_only_managers_see_devices(client, store, environment) -> None:
    environment(cashier_open_buttons=True)

    assert client.post("/devices", {"name": "Keypad"}).status_code == 403
    assert client.get("/devices").status_code == 302
    assert "/devices" not in client.get("/cashier_buttons").content.decode()
    assert Device.objects.count() == 0
