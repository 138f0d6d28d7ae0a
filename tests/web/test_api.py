"""Devices use the API to press, to read the calls of their store, and to cancel queued calls."""

import re

import pytest
from prometheus_client import REGISTRY

from cashier_local.ports import free_port
from tests.support.stores import change_stores

pytestmark = pytest.mark.django_db


def test_a_press_is_answered_with_201_and_a_receipt(make_button) -> None:
    button = make_button()
    answer = button.press(till=4)

    assert answer.status_code == 201
    receipt = {"outcome": "called", "seq": 1, "till": 4, "place": 1, "starts_in_ms": 0, "text": "Nº4 called"}
    call_id = answer.json()["id"]
    assert re.fullmatch("[0-9a-f]{32}", call_id)
    assert answer.json() == {"id": call_id, **receipt}
    assert button.press(till=2).json()["text"] == "Nº2 is 2nd, in 3 s"


def test_a_press_of_a_till_that_is_queued_already_is_200_and_makes_no_call(make_button) -> None:
    button = make_button()
    button.press(till=4)
    queued, again = button.press(till=2), button.press(till=2)

    assert (queued.status_code, again.status_code) == (201, 200)
    assert again.json()["seq"] == queued.json()["seq"]


def test_a_device_of_one_till_may_send_an_empty_body(make_button) -> None:
    button = make_button(till=3)

    assert button.press().json()["till"] == 3
    empty_press = button.client.generic("POST", "/api/v1/stores/default/calls", headers=button.headers())
    assert empty_press.json()["outcome"] == "stays up"


def test_get_returns_the_call_that_is_shown_and_the_queued_calls(make_button) -> None:
    change_stores(labels={"2": "Pharmacy"})
    button = make_button()
    assert button.look().json() == {"store": "default", "is_open": True, "up": None, "waiting": []}

    button.press(till=4)
    button.press(till=2, language="fr")
    calls = button.look().json()
    shown = calls["up"]
    assert (shown["till"], shown["starts_in_ms"] <= 0, 2000 < shown["ends_in_ms"] <= 3000) == (4, True, True)
    (queued,) = calls["waiting"]
    assert (queued["seq"], queued["till"], queued["label"], queued["language"]) == (2, 2, "Pharmacy", "fr")
    assert 2000 < queued["starts_in_ms"] <= 3000


def test_a_queued_call_can_be_cancelled(make_button) -> None:
    button = make_button()
    shown, queued, _last = (button.press(till=till).json()["id"] for till in (4, 2, 1))

    assert button.look().json()["waiting"][0]["id"] == queued
    assert (button.cancel(queued).status_code, button.cancel(queued).status_code) == (204, 204)
    assert [call["till"] for call in button.look().json()["waiting"]] == [1]
    assert (button.cancel(shown).status_code, button.cancel(shown).json()) == (
        409,
        {"detail": "This call is already on the screen."},
    )
    assert (button.cancel(9).status_code, button.cancel(9).json()) == (404, {"detail": "No such call is waiting."})
    assert [button.cancel(bad).status_code for bad in ("x" * 5, 2**70, "x" * 65, "a-b")] == [404, 404, 422, 422]


def test_a_seq_cancels_no_call_while_it_may_belong_to_another_call(make_button, redis) -> None:
    button = make_button()
    for till in (4, 2):
        button.press(till=till)

    assert (button.cancel(2).status_code, button.cancel(2).json()) == (
        409,
        {"detail": "Cancel the call by the id in its receipt."},
    )
    redis.hincrby("cashier:{default}:store", "born", -3_600_000)
    assert (make_button().cancel(2).status_code, button.cancel(2).status_code) == (404, 204)
    assert button.look().json()["waiting"] == []


def test_the_log_line_of_a_repeated_call_says_again_and_names_the_device(make_button, records) -> None:
    button = make_button(till=4)
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
def test_a_bad_press_is_422_with_a_reason_and_calls_nobody(make_button, redis, body) -> None:
    answer = make_button().press(**body)

    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert redis.keys("cashier:{*") == []


@pytest.mark.parametrize("body", [b"{", b"\xff", b"cashier=4", b"[1]", b"null", b"4"])
def test_a_body_that_is_no_json_object_is_refused_with_a_reason(make_button, redis, body) -> None:
    button = make_button()
    answer = button.client.post(
        "/api/v1/stores/default/calls", body, content_type="application/json", headers=button.headers()
    )

    assert answer.status_code in {400, 422}
    assert answer.json()["detail"]
    assert redis.keys("cashier:{*") == []


def test_a_language_that_the_store_does_not_offer_is_refused(make_button) -> None:
    change_stores(languages=["en"])

    assert make_button().press(till=4, language="fr").json() == {"detail": "This language is not offered."}


def test_a_closed_store_is_409(make_button) -> None:
    change_stores(is_open=False)
    answer = make_button().press(till=4)

    assert (answer.status_code, answer.json()) == (409, {"detail": "This store is closed."})


def test_a_full_queue_is_429_with_the_seconds_until_there_is_room(make_button) -> None:
    change_stores(tills=30)
    button = make_button()
    for till in range(1, 22):
        assert button.press(till=till).status_code == 201
    answer = button.press(till=30)

    assert (answer.status_code, answer["Retry-After"]) == (429, "3")
    assert answer.json() == {"detail": "Nº30 was not called: too many calls are waiting."}


def test_without_redis_the_api_answers_503_with_a_reason(make_button, environment) -> None:
    button = make_button()
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")

    for answer in (button.press(till=4), button.look(), button.cancel(1)):
        assert answer.status_code == 503
        assert "cannot be reached" in answer.json()["detail"]


def test_a_till_that_the_store_no_longer_has_is_422(make_button) -> None:
    button = make_button(till=4)
    change_stores(tills=3)

    assert (button.press().status_code, button.press().json()) == (422, {"detail": "This store has no till 4."})


def test_a_retry_with_the_same_key_calls_once_and_gets_the_same_answer(make_button) -> None:
    button, other = make_button(), make_button()
    button.press(till=1)
    first = button.press(till=4, key="a-1")

    again = button.press(till=4, key="a-1")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert [call["till"] for call in button.look().json()["waiting"]] == [4]
    different = button.press(till=2, key="a-1")
    assert (different.status_code, different.json()) == (
        422,
        {"detail": "Not called: this key was already used for another press."},
    )
    assert other.press(till=2, key="a-1").status_code == 201, "another device may use the same key for another press"


@pytest.mark.parametrize("key", [" ", "a b", "x" * 201, "é"])
def test_an_invalid_key_is_refused(make_button, redis, key) -> None:
    assert make_button().press(till=4, key=key).status_code == 422
    assert redis.keys("cashier:{*") == []


def test_an_unknown_path_of_the_api_is_404_in_json(client) -> None:
    answer = client.get("/api/v1/nothing")

    assert (answer.status_code, answer.json()) == (404, {"detail": "There is no such page or store."})


def test_a_retry_gets_the_same_answer_although_the_store_has_changed(make_button) -> None:
    button = make_button()
    first = button.press(till=4, key="a-1")
    change_stores(language="fr", languages=["fr"], is_open=False)
    again = button.press(till=4, key="a-1")

    assert again.status_code == 201
    assert again.json() == {**first.json(), "text": "Nº4 appelée"}
    assert button.press(till=4, key="a-2").status_code == 409


def test_presses_of_devices_are_counted_in_the_same_metric_as_all_other_presses(make_button) -> None:
    def counted() -> list[float]:
        outcomes = [
            REGISTRY.get_sample_value("cashier_presses_total", {"outcome": each}) for each in ("called", "refused")
        ]
        return [*outcomes, REGISTRY.get_sample_value("cashier_press_seconds_count")]

    button, before = make_button(till=3), counted()
    button.client.get(f"/api/v1/press?token={button.token}")
    button.press(till=9)

    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1, 2]


def test_a_cancelled_call_is_logged(make_button, records) -> None:
    button = make_button()
    _shown, queued = (button.press(till=till).json()["id"] for till in (4, 2))
    button.cancel(queued)

    (record,) = [record for record in records() if record.msg == "taken back"]
    assert (record.store, record.call, record.device) == ("default", queued, button.device.name)


def test_every_operation_has_its_own_id_and_no_response_is_cached(make_button, client) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    names = [each["operationId"] for methods in paths.values() for each in methods.values()]
    assert len(set(names)) == len(names) == 9

    button = make_button(till=3)
    for answer in (button.look(), button.press(), client.get(f"/api/v1/press?token={button.token}")):
        assert "no-store" in answer["Cache-Control"]
