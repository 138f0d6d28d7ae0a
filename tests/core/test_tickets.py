"""A ticket says which store a screen belongs to. Only somebody who knows the signing key can make a valid ticket."""

import time

import pytest
from django.core.signing import Signer

from cashier_core.idle import Idle
from cashier_core.tickets import BadTicket, ExpiredTicket, Ticket

KEY, OTHER_KEY = "k" * 40, "o" * 40


def test_a_signed_ticket_is_read_unchanged() -> None:
    ticket = Ticket("north-7", Idle("fr", "Fermé <3"))

    assert Ticket.read(ticket.sign(KEY), KEY) == ticket


@pytest.mark.parametrize(
    "text",
    ["", "x", "a:b", ":", "WyJkZWZhdWx0IiwiZW4iXQ", Ticket("default", Idle("en")).sign(OTHER_KEY), "é" * 50, "\0"],
    ids=["empty", "letter", "two parts", "colon", "payload only", "other key", "not ASCII", "NUL"],
)
def test_a_text_that_is_not_a_valid_ticket_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(BadTicket) as caught:
        Ticket.read(text, KEY)

    assert "ticket" in str(caught.value)


def test_the_signature_of_one_store_is_not_valid_for_the_ticket_of_another_store() -> None:
    ours, theirs = Ticket("a", Idle("en")).sign(KEY), Ticket("b", Idle("en")).sign(OTHER_KEY)
    forged = theirs.split(":")[0] + ":" + ours.split(":")[1]

    with pytest.raises(BadTicket):
        Ticket.read(forged, KEY)


def test_a_ticket_names_the_paired_screen_it_was_made_for() -> None:
    ticket = Ticket("north-7", Idle("fr"), "12.1")

    assert Ticket.read(ticket.sign(KEY), KEY).credential_id == "12.1"


@pytest.mark.parametrize(("days", "is_good"), [(0, True), (6.9, True), (7.1, False), (-1, True)])
def test_a_ticket_is_good_for_a_week(days, is_good) -> None:
    text = Ticket("north-7", Idle("fr")).sign(KEY, now=time.time() - days * 86_400)

    if is_good:
        assert Ticket.read(text, KEY).store == "north-7"
    else:
        with pytest.raises(ExpiredTicket, match="expired"):
            Ticket.read(text, KEY)


@pytest.mark.parametrize("payload", [["north-7", "fr"], ["north-7", "fr", ""], [], "north-7"], ids=str)
def test_a_signed_ticket_of_another_version_counts_as_expired(payload) -> None:
    with pytest.raises(ExpiredTicket, match="another version"):
        Ticket.read(Signer(key=KEY, salt="cashier.screen").sign_object(payload), KEY)
