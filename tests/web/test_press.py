"""A press is answered with a receipt, or is refused with a reason. A press that is refused changes nothing."""

import json

import pytest
from django.test import Client

from cashier_core.call import LANGUAGES
from cashier_local.ports import free_port
from cashier_web.models import Store
from tests.support.redis_keys import changed_keys
from tests.support.stores import change_stores

pytestmark = pytest.mark.django_db


def press(client, cashier="4", language="en", page="/cashier_action"):
    return client.post(page, {"cashier": cashier, "language": language})


def receipt(response) -> dict:
    return json.loads(response["HX-Trigger"])["receipt"]


def test_a_press_answers_204_with_a_receipt(client, store) -> None:
    response = press(client)

    assert (response.status_code, response.content) == (204, b"")
    assert receipt(response)["text"] == "Nº4 called"


def test_the_receipt_of_a_queued_press_contains_place_and_time(client, store) -> None:
    press(client, 4)

    assert receipt(press(client, 2))["text"] == "Nº2 is 2nd, in 3 s"
    assert receipt(press(client, 1))["text"] == "Nº1 is 3rd, in 6 s"
    assert receipt(press(client, 2))["text"] == "Nº2 is 2nd, in 3 s"


def test_a_till_that_presses_again_while_it_is_shown_stays_up(client, store) -> None:
    press(client, 4)

    assert receipt(press(client, 4))["text"] == "Nº4 stays on the screen"


WAITS = {
    "en": "Nº2 is 2nd, in 3 s",
    "fr": "Nº2 est 2e, dans 3 s",
    "de": "Kasse 2 an 2. Stelle, in 3 s",
    "es": "Caja 2 en 2º lugar, dentro de 3 s",
    "it": "Cassa 2 al 2º posto, tra 3 s",
    "nl": "Kassa 2 is 2e, over 3 s",
    "pt": "Caixa 2 em 2.º lugar, dentro de 3 s",
    "pl": "Kasa 2: 2. miejsce, za 3 s",
    "ar": "في الانتظار: الصندوق 2، الترتيب 2، بعد 3 ث",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_receipt_is_in_the_stores_language(client, store, language) -> None:
    change_stores(language=language)
    press(client, 4)

    assert receipt(press(client, 2))["text"] == WAITS[language]


def test_a_store_with_the_policy_replace_calls_at_once(client, store) -> None:
    change_stores(policy="replace")
    press(client, 4)

    assert receipt(press(client, 2))["outcome"] == "called"


def test_a_till_with_a_label_is_called_by_its_label(client, store, redis) -> None:
    change_stores(labels={"2": "Pharmacy", "4": "12"})

    assert receipt(press(client, 4))["text"] == "Nº12 called"
    assert receipt(press(client, 2))["text"] == "Pharmacy is 2nd, in 3 s"
    calls = [json.loads(call) for call in redis.zrange("cashier:{default}:calls", 0, -1)]
    assert [(call["num_cashier"], call["label"]) for call in calls] == [(4, "12"), (2, "Pharmacy")]


def test_a_closed_store_calls_nobody(client, store, redis) -> None:
    change_stores(is_open=False)
    response = press(client)

    assert (response.status_code, response.content.decode()) == (409, "This store is closed.\n")
    assert changed_keys(redis) == []


def test_a_call_has_the_hold_of_its_store(client, store, redis) -> None:
    change_stores(hold_seconds="7.5")
    press(client, 4)

    assert json.loads(redis.zrange("cashier:{default}:calls", 0, 0)[0])["hold_ms"] == 7500


def test_a_press_in_another_store_changes_only_the_timeline_of_that_store(client, redis) -> None:
    Store.objects.create(slug="north-7", name="North", tills=9)

    assert press(client, 9, page="/s/north-7/cashier_action").status_code == 204
    keys = set(changed_keys(redis)) - {b"cashier:history", b"cashier:answers:other", b"cashier:changes"}
    assert keys
    assert all(b"{north-7}" in key for key in keys)


BAD_TILLS = {
    "empty": "",
    "zero": "0",
    "negative": "-1",
    "beyond the store's number": "5",
    "with a point": "1.5",
    "with a plus": "+1",
    "with an exponent": "1e3",
    "with a space": " 1",
    "with a newline": "1\n",
    "with a leading zero": "01",
    "hexadecimal": "0x1",
    "Arabic digits": "٤",
    "full-width digit": "４",
    "superscript": "²",
    "5,000 digits": "1" * 5000,
    "NUL": "\0",
    "NUL after a digit": "1\0",
    "a word": "four",
    "markup": "<script>",
}


@pytest.mark.parametrize("cashier", BAD_TILLS.values(), ids=BAD_TILLS.keys())
def test_a_bad_till_is_400_with_a_reason_and_calls_nobody(client, store, redis, cashier) -> None:
    response = press(client, cashier)

    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")
    assert 10 < len(response.content.decode()) < 200
    assert changed_keys(redis) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"language": "en"}, "no till"),
        ({"cashier": "4"}, "no language"),
        ({"cashier": "4", "language": "xx"}, "not offered"),
        ({"cashier": "4", "language": "EN"}, "not offered"),
        ({}, "no till"),
    ],
)
def test_a_missing_or_unknown_field_is_400_with_a_reason(client, store, redis, fields, reason) -> None:
    response = client.post("/cashier_action", fields)

    assert response.status_code == 400
    assert reason in response.content.decode()
    assert changed_keys(redis) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("application/x-www-form-urlencoded; charset=utf-16", b"cashier=4&language=en"),
        ("application/json", b'{"cashier": 4, "language": "en"}'),
        ("text/plain", b"\xff\xfe\x00"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(200))),
        ("application/x-www-form-urlencoded", b"cashier=" + b"1" * 100_000),
    ],
    ids=["no boundary", "broken multipart", "charset", "JSON", "binary", "many fields", "huge"],
)
def test_an_unreadable_body_is_4xx_and_calls_nobody(client, store, redis, content_type, body, caplog) -> None:
    response = client.post("/cashier_action", body, content_type=content_type)

    assert 400 <= response.status_code < 500
    assert response.content
    assert changed_keys(redis) == []


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch"])
def test_only_a_post_request_calls(client, store, redis, method) -> None:
    response = getattr(client, method)("/cashier_action")

    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert method == "head" or response.content == b"This address accepts only POST.\n"
    assert changed_keys(redis) == []


def test_a_post_without_its_csrf_token_is_403_with_a_reason(store, redis) -> None:
    response = press(Client(enforce_csrf_checks=True))

    assert response.status_code == 403
    assert "Reload" in response.content.decode()
    assert changed_keys(redis) == []


def test_an_unknown_store_is_404(client, redis) -> None:
    assert press(client, page="/s/nowhere/cashier_action").status_code == 404
    assert changed_keys(redis) == []


def test_a_press_with_a_full_queue_is_429_with_a_reason(client, store) -> None:
    change_stores(tills=99)
    answers = [press(client, till).status_code for till in range(1, 24)]

    assert answers == [204] * 21 + [429] * 2
    assert "too many calls are waiting" in press(client, 50).content.decode()


def test_without_redis_a_press_is_503_and_says_so(client, store, environment) -> None:
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    response = press(client)

    assert response.status_code == 503
    assert "Nº4 was not called: the screens cannot be reached" in response.content.decode()
