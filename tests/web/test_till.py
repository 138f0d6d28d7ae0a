"""On the till page, a cashier first chooses the till. Then the page has two buttons, to call and to call again."""

import json
import re

import pytest
from django.test import Client

from cashier_web.models import Store

pytestmark = pytest.mark.django_db


def test_the_page_has_the_buttons_of_a_till_after_the_till_was_chosen(client, store) -> None:
    Store.objects.update(labels={"3": "Pharmacy"})
    choice = client.get("/till").content.decode()
    assert re.findall(r'name="till" value="(\d+)"', choice) == ["1", "2", "3", "4"]
    assert "Which till is yours?" in choice

    assert client.post("/till", {"till": "3"})["Location"] == "/till"
    page = client.get("/till").content.decode()
    assert re.findall(r'name="cashier" value="(\d+)"', page) == ["3", "3"]
    assert ">Pharmacy<" in page
    assert ">Again<" in page


def test_the_choice_of_a_till_is_for_one_store_and_one_browser(client, store) -> None:
    Store.objects.create(slug="north", name="North")
    client.post("/till", {"till": "3"})

    assert "Which till is yours?" in client.get("/s/north/till").content.decode()
    assert "Which till is yours?" in Client().get("/till").content.decode()


def test_another_till_can_be_chosen(client, store) -> None:
    client.post("/till", {"till": "3"})
    client.post("/till", {"till": ""})
    assert "Which till is yours?" in client.get("/till").content.decode()

    client.post("/till", {"till": "2"})
    assert 'name="cashier" value="2"' in client.get("/till").content.decode()


def test_both_buttons_have_the_digits_of_the_label_of_the_till(client, store) -> None:
    Store.objects.update(labels={"1": "4", "4": "1"})
    client.post("/till", {"till": "1"})

    assert re.findall(r'name="cashier" value="(\d)"[^>]* data-digits="(\d)"', client.get("/till").content.decode()) == [
        ("1", "4"),
        ("1", "4"),
    ]


@pytest.mark.parametrize("till", ["5", "0", "-1", "x", "1.5", "9" * 5000, "\0"])
def test_an_unknown_till_is_refused_and_the_choice_stays(client, store, till) -> None:
    client.post("/till", {"till": "3"})
    response = client.post("/till", {"till": till})

    assert (response.status_code, response.content.decode()) == (400, "This store has no such till.\n")
    assert 'name="cashier" value="3"' in client.get("/till").content.decode()


def test_a_till_that_the_store_no_longer_has_must_be_chosen_again(client, store) -> None:
    client.post("/till", {"till": "4"})
    Store.objects.update(tills=3)

    assert "Which till is yours?" in client.get("/till").content.decode()


def test_again_calls_the_same_till_and_is_marked_in_the_log(client, store, records) -> None:
    for fields in ({}, {"again": "yes"}):
        response = client.post("/cashier_action", {"cashier": "3", "language": "en", **fields})
        assert response.status_code == 204

    assert json.loads(response["HX-Trigger"])["receipt"]["outcome"] == "stays up"
    assert [getattr(record, "again", False) for record in records() if record.msg == "press"] == [False, True]
