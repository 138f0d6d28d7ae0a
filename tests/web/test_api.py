"""The API: devices press, look and take back, each with its token in its own store."""

from dataclasses import dataclass

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY

from cashier_web import credentials, tokens
from cashier_web.models import Device, Store
from local.ports import free_port

pytestmark = pytest.mark.django_db


@dataclass
class Button:
    """A device with its token, as it asks."""

    client: Client
    token: str
    device: Device
    store: str = "default"

    def headers(self, **more: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}", **more}

    def press(self, store="", key="", **body):
        headers = self.headers(**({"idempotency-key": key} if key else {}))
        path = f"/api/v1/stores/{store or self.store}/calls"
        return self.client.post(path, body, content_type="application/json", headers=headers)

    def look(self, store=""):
        return self.client.get(f"/api/v1/stores/{store or self.store}/calls", headers=self.headers())

    def cancel(self, seq, store=""):
        return self.client.delete(f"/api/v1/stores/{store or self.store}/calls/{seq}", headers=self.headers())


@pytest.fixture
def make(client, store):
    def make(till=None, slug="default", **fields) -> Button:
        token = tokens.new()
        at = Store.objects.get(slug=slug)
        name = f"device {Device.objects.count()}"
        device = Device.objects.create(store=at, name=name, till=till, token_hash=tokens.digest(token), **fields)
        return Button(client, token, device, slug)

    return make


def test_a_press_is_answered_201_with_what_became_of_it(make) -> None:
    button = make()
    answer = button.press(till=4)

    assert answer.status_code == 201
    told = {"outcome": "called", "seq": 1, "till": 4, "place": 1, "starts_in_ms": 0, "text": "Nº4 called"}
    assert answer.json() == told
    assert button.press(till=2).json()["text"] == "Nº2 is 2nd, in 3 s"


def test_who_waits_already_is_told_with_200_that_nothing_new_was_called(make) -> None:
    button = make()
    button.press(till=4)
    waiting, again = button.press(till=2), button.press(till=2)

    assert (waiting.status_code, again.status_code) == (201, 200)
    assert again.json()["seq"] == waiting.json()["seq"]


def test_a_device_of_one_till_needs_to_say_nothing(make) -> None:
    button = make(till=3)

    assert button.press().json()["till"] == 3
    bare = button.client.generic("POST", "/api/v1/stores/default/calls", headers=button.headers())
    assert bare.json()["outcome"] == "stays up"


def test_a_look_tells_what_is_up_and_what_waits(make) -> None:
    Store.objects.update(labels={"2": "Pharmacy"})
    button = make()
    assert button.look().json() == {"store": "default", "is_open": True, "up": None, "waiting": []}

    button.press(till=4)
    button.press(till=2, language="fr")
    told = button.look().json()
    assert (told["up"]["till"], told["up"]["starts_in_ms"] <= 0, 2000 < told["up"]["ends_in_ms"] <= 3000) == (
        4,
        True,
        True,
    )
    (waits,) = told["waiting"]
    assert (waits["seq"], waits["till"], waits["label"], waits["language"]) == (2, 2, "Pharmacy", "fr")
    assert 2000 < waits["starts_in_ms"] <= 3000


def test_a_call_that_waits_can_be_taken_back(make) -> None:
    button = make()
    for till in (4, 2, 1):
        button.press(till=till)

    assert (button.cancel(2).status_code, button.cancel(2).status_code) == (204, 204)
    assert [call["till"] for call in button.look().json()["waiting"]] == [1]
    assert (button.cancel(1).status_code, button.cancel(1).json()) == (409, {"detail": "This call is up already."})
    assert (button.cancel(9).status_code, button.cancel(9).json()) == (404, {"detail": "No such call waits."})
    assert button.cancel("x" * 5).status_code == 404
    assert button.cancel(2**70).status_code in {404, 422}


def test_again_is_told_in_the_log_with_the_device(make, records) -> None:
    button = make(till=4)
    for body in ({}, {"again": True}):
        button.press(**body)

    pressed = [record for record in records() if record.msg == "press"]
    assert [(record.device, getattr(record, "again", False)) for record in pressed] == [
        (button.device.name, False),
        (button.device.name, True),
    ]


BAD_PRESSES = [
    *({"till": till} for till in (0, -1, 5, 100, "4", 4.0, True, None)),
    {},
    *({"till": 4, **more} for more in ({"language": "de"}, {"language": "EN"}, {"again": "yes"}, {"tail": 1})),
]


@pytest.mark.parametrize("body", BAD_PRESSES, ids=str)
def test_a_bad_press_is_422_with_a_reason_and_calls_nobody(make, redis, body) -> None:
    answer = make().press(**body)

    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert redis.keys("cashier:{*") == []


@pytest.mark.parametrize("body", [b"{", b"\xff", b"cashier=4", b"[1]", b"null", b"4"])
def test_what_is_no_json_object_is_refused_with_a_reason(make, redis, body) -> None:
    button = make()
    answer = button.client.post(
        "/api/v1/stores/default/calls", body, content_type="application/json", headers=button.headers()
    )

    assert answer.status_code in {400, 422}
    assert answer.json()["detail"]
    assert redis.keys("cashier:{*") == []


def test_a_language_that_the_store_does_not_offer_is_refused(make) -> None:
    Store.objects.update(languages=["en"])

    assert make().press(till=4, language="fr").json() == {"detail": "This language is not offered."}


def test_a_closed_store_is_409(make) -> None:
    Store.objects.update(is_open=False)
    answer = make().press(till=4)

    assert (answer.status_code, answer.json()) == (409, {"detail": "This store is closed."})


def test_a_full_queue_is_429_and_says_when_there_is_room(make) -> None:
    Store.objects.update(tills=30)
    button = make()
    for till in range(1, 22):
        assert button.press(till=till).status_code == 201
    answer = button.press(till=30)

    assert (answer.status_code, answer["Retry-After"]) == (429, "3")
    assert answer.json() == {"detail": "Nº30 not called: too many are waiting."}


def test_a_device_that_asks_too_often_is_429_and_another_one_is_not(make) -> None:
    wild, other = make(), make()
    statuses = [wild.look().status_code for _ in range(credentials.MOST_REQUESTS + 1)]

    assert statuses == [200] * credentials.MOST_REQUESTS + [429]
    assert 1 <= int(wild.look()["Retry-After"]) <= credentials.IN_SECONDS
    assert "too often" in wild.press(till=4).json()["detail"]
    assert other.look().json()["up"] is None


def test_a_redis_that_is_away_is_503_with_a_reason(make, environment) -> None:
    button = make()
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")

    for answer in (button.press(till=4), button.look(), button.cancel(1)):
        assert answer.status_code == 503
        assert "can't be reached" in answer.json()["detail"]


TRIES_OF_A_STRANGER = [
    {},
    {"authorization": "Bearer "},
    {"authorization": "Bearer cq_nobody"},
    {"authorization": "Basic YTpi"},
    {"authorization": "cq_nobody"},
    {"authorization": "Bearer \xff\x00"},
]


@pytest.mark.parametrize("headers", TRIES_OF_A_STRANGER, ids=str)
def test_without_a_token_of_ours_nothing_is_told(client, store, headers) -> None:
    for method, path in (("POST", "calls"), ("GET", "calls"), ("DELETE", "calls/1")):
        answer = client.generic(method, f"/api/v1/stores/default/{path}", headers=headers)
        assert (answer.status_code, answer.json()) == (
            401,
            {"detail": "No token, an unknown one, or one that was revoked or isn't for this address."},
        )


def test_a_revoked_token_is_nobodys_at_once(make) -> None:
    button = make()
    assert button.look().status_code == 200

    Device.objects.update(revoked_at=timezone.now())
    assert (button.look().status_code, button.press(till=4).status_code, button.cancel(1).status_code) == (
        401,
        401,
        401,
    )


def test_a_token_is_for_its_own_store_alone_whether_the_other_exists_or_not(make, redis) -> None:
    Store.objects.create(slug="north", name="North")
    button = make()
    for slug in ("north", "nowhere"):
        for answer in (button.press(slug, till=4), button.look(slug), button.cancel(1, slug)):
            assert (answer.status_code, answer.json()) == (403, {"detail": "This token is for another store."})
    assert redis.keys("cashier:{*") == []


def test_a_token_of_one_till_presses_and_takes_back_only_there(make) -> None:
    everywhere, own = make(), make(till=3)
    for till in (1, 2):
        everywhere.press(till=till)

    assert (own.press(till=2).status_code, own.cancel(2).status_code) == (403, 403)
    assert own.press(till=3).status_code == 201
    assert own.cancel(3).status_code == 204
    assert [call["till"] for call in own.look().json()["waiting"]] == [2]


def test_a_till_that_the_store_has_no_longer_is_422(make) -> None:
    button = make(till=4)
    Store.objects.update(tills=3)

    assert (button.press().status_code, button.press().json()) == (422, {"detail": "This store has no till 4."})


def test_kept_is_only_a_hash_and_the_last_use(make) -> None:
    button = make()
    assert button.device.used_at is None
    button.look()
    device = Device.objects.get()

    assert timezone.now() - device.used_at < credentials.USED_EXACTLY
    assert button.token not in str(Device.objects.values_list().get())
    button.look()
    assert Device.objects.get().used_at == device.used_at


def test_a_retry_with_its_key_is_one_call_and_answered_as_before(make) -> None:
    button, other = make(), make()
    button.press(till=1)
    first = button.press(till=4, key="a-1")

    again = button.press(till=4, key="a-1")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert [call["till"] for call in button.look().json()["waiting"]] == [4]
    different = button.press(till=2, key="a-1")
    assert (different.status_code, different.json()) == (
        422,
        {"detail": "Not called: this key was another press's."},
    )
    assert other.press(till=2, key="a-1").status_code == 201, "keys of another device are others"


@pytest.mark.parametrize("key", [" ", "a b", "x" * 201, "é"])
def test_a_key_that_is_none_is_refused(make, redis, key) -> None:
    assert make().press(till=4, key=key).status_code == 422
    assert redis.keys("cashier:{*") == []


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_button_that_can_only_open_an_address_has_one(make, method) -> None:
    button = make(till=3)
    answer = getattr(button.client, method)(f"/api/v1/press?token={button.token}")

    assert (answer.status_code, answer.json()["till"]) == (201, 3)


def test_in_an_address_only_a_token_of_one_till_is_taken(make, redis) -> None:
    button = make()
    for query in (f"token={button.token}", "token=", "token=cq_nobody", ""):
        assert button.client.get(f"/api/v1/press?{query}").status_code == 401
    assert button.client.get(f"/api/v1/stores/default/calls?token={button.token}").status_code == 401
    assert button.client.head(f"/api/v1/press?token={make(till=3).token}").status_code == 405
    assert redis.keys("cashier:{*") == []


def test_where_nothing_is_the_api_says_so_in_json(client) -> None:
    answer = client.get("/api/v1/nothing")

    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no such page or store."})


def test_a_retry_is_answered_as_before_though_the_store_has_changed_meanwhile(make) -> None:
    button = make()
    first = button.press(till=4, key="a-1")
    Store.objects.update(language="fr", languages=["fr"], is_open=False)
    again = button.press(till=4, key="a-1")

    assert again.status_code == 201
    assert again.json() == {**first.json(), "text": "Nº4 appelée"}
    assert button.press(till=4, key="a-2").status_code == 409


def test_the_limit_says_in_how_many_seconds_another_may(make, monkeypatch) -> None:
    monkeypatch.setattr(credentials, "MOST_REQUESTS", 1)
    monkeypatch.setattr(credentials, "IN_SECONDS", 600)
    button = make()
    button.look()

    assert 590 <= int(button.look()["Retry-After"]) <= 600


def test_presses_of_devices_are_counted_with_the_others(make) -> None:
    def counted() -> list[float]:
        outcomes = [
            REGISTRY.get_sample_value("cashier_presses_total", {"outcome": each}) for each in ("called", "refused")
        ]
        return [*outcomes, REGISTRY.get_sample_value("cashier_press_seconds_count")]

    button, before = make(till=3), counted()
    button.client.get(f"/api/v1/press?token={button.token}")
    button.press(till=9)

    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1, 2]


def test_a_call_that_is_taken_back_is_told_in_the_log(make, records) -> None:
    button = make()
    for till in (4, 2):
        button.press(till=till)
    button.cancel(2)

    (record,) = [record for record in records() if record.msg == "taken back"]
    assert (record.store, record.seq, record.device) == ("default", 2, button.device.name)


def test_every_operation_has_a_name_of_its_own_and_nothing_is_cached(make, client) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    names = [each["operationId"] for methods in paths.values() for each in methods.values()]
    assert len(set(names)) == len(names) == 5

    button = make(till=3)
    for answer in (button.look(), button.press(), client.get(f"/api/v1/press?token={button.token}")):
        assert "no-store" in answer["Cache-Control"]
