"""The token of a device is valid for one store or for one till, and for a limited number of requests."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cashier_web.api import auth
from cashier_web.devices import last_used
from cashier_web.models import Device, Store

pytestmark = pytest.mark.django_db


def test_a_device_that_sends_too_many_requests_gets_429_and_another_device_does_not(make_button) -> None:
    device, other = make_button(), make_button()
    statuses = [device.look().status_code for _ in range(auth.MOST_REQUESTS + 1)]

    assert statuses == [200] * auth.MOST_REQUESTS + [429]
    assert 1 <= int(device.look()["Retry-After"]) <= auth.IN_SECONDS
    assert "too many requests" in device.press(till=4).json()["detail"]
    assert other.look().json()["up"] is None


INVALID_HEADERS = [
    {},
    {"authorization": "Bearer "},
    {"authorization": "Bearer cq_nobody"},
    {"authorization": "Basic YTpi"},
    {"authorization": "cq_nobody"},
    {"authorization": "Bearer \xff\x00"},
]


@pytest.mark.parametrize("headers", INVALID_HEADERS, ids=str)
def test_a_request_without_a_valid_token_is_401_without_further_details(client, store, headers) -> None:
    for method, path in (("POST", "calls"), ("GET", "calls"), ("DELETE", "calls/1")):
        answer = client.generic(method, f"/api/v1/stores/default/{path}", headers=headers)
        assert (answer.status_code, answer.json()) == (
            401,
            {"detail": "The token is missing, unknown, revoked, or not valid for this address."},
        )


def test_a_revoked_token_is_invalid_at_once(make_button) -> None:
    button = make_button()
    assert button.look().status_code == 200

    Device.objects.update(revoked_at=timezone.now())
    assert (button.look().status_code, button.press(till=4).status_code, button.cancel(1).status_code) == (
        401,
        401,
        401,
    )


def test_a_token_is_refused_in_another_store_whether_that_store_exists_or_not(make_button, redis) -> None:
    Store.objects.create(slug="north", name="North")
    button = make_button()
    for slug in ("north", "nowhere"):
        for answer in (button.press(slug, till=4), button.look(slug), button.cancel(1, slug)):
            assert (answer.status_code, answer.json()) == (403, {"detail": "This token is for another store."})
    assert redis.keys("cashier:{*") == []


def test_a_token_of_one_till_presses_and_cancels_only_for_this_till(make_button) -> None:
    store_device, till_device = make_button(), make_button(till=3)
    _shown, queued = (store_device.press(till=till).json()["id"] for till in (1, 2))

    assert (till_device.press(till=2).status_code, till_device.cancel(queued).status_code) == (403, 403)
    own = till_device.press(till=3)
    assert own.status_code == 201
    assert till_device.cancel(own.json()["id"]).status_code == 204
    assert [call["till"] for call in till_device.look().json()["waiting"]] == [2]


def test_only_the_hash_of_a_token_and_its_last_use_are_stored(make_button, redis, monkeypatch) -> None:
    monkeypatch.setattr(last_used, "_noted", {})
    button = make_button()
    assert button.device.used_at is None
    button.look()
    last_used.save_used()

    assert timezone.now() - Device.objects.get().used_at < timedelta(seconds=60)
    assert button.token not in str(Device.objects.values_list().get())
    assert not redis.exists(last_used.KEY)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_button_that_can_only_open_an_address_presses_with_its_token_in_the_address(make_button, method) -> None:
    button = make_button(till=3)
    answer = getattr(button.client, method)(f"/api/v1/press?token={button.token}")

    assert (answer.status_code, answer.json()["till"]) == (201, 3)


def test_in_an_address_only_the_token_of_one_till_is_accepted(make_button, redis) -> None:
    button = make_button()
    for query in (f"token={button.token}", "token=", "token=cq_nobody", ""):
        assert button.client.get(f"/api/v1/press?{query}").status_code == 401
    assert button.client.get(f"/api/v1/stores/default/calls?token={button.token}").status_code == 401
    assert button.client.head(f"/api/v1/press?token={make_button(till=3).token}").status_code == 405
    assert redis.keys("cashier:{*") == []


def test_the_limit_says_after_how_many_seconds_a_request_is_allowed(make_button, monkeypatch) -> None:
    monkeypatch.setattr(auth, "MOST_REQUESTS", 1)
    monkeypatch.setattr(auth, "IN_SECONDS", 600)
    button = make_button()
    button.look()

    assert 590 <= int(button.look()["Retry-After"]) <= 600
