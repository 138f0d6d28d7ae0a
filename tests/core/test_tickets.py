"""A ticket says which store a screen belongs to, and only we can make one."""

import pytest
from django.core.signing import Signer

from cashier_core.tickets import BadTicket, Ticket
from cashier_core.waiting import Waiting

KEY, OTHER_KEY = "k" * 40, "o" * 40


def test_a_ticket_comes_back_as_it_was_signed() -> None:
    ticket = Ticket("north-7", Waiting("fr", "Fermé <3"))

    assert Ticket.read(ticket.sign(KEY), KEY) == ticket


@pytest.mark.parametrize(
    "text",
    ["", "x", "a:b", ":", "WyJkZWZhdWx0IiwiZW4iXQ", Ticket("default", Waiting("en")).sign(OTHER_KEY), "é" * 50, "\0"],
)
def test_anything_else_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(BadTicket) as caught:
        Ticket.read(text, KEY)

    assert "ticket" in str(caught.value)


def test_a_ticket_of_another_store_cannot_be_made_from_ours() -> None:
    ours, theirs = Ticket("a", Waiting("en")).sign(KEY), Ticket("b", Waiting("en")).sign(OTHER_KEY)
    forged = theirs.split(":")[0] + ":" + ours.split(":")[1]

    with pytest.raises(BadTicket):
        Ticket.read(forged, KEY)


def test_a_ticket_from_before_there_were_notices_is_still_good() -> None:
    old = Signer(key=KEY, salt="cashier.screen").sign_object(["north-7", "fr"])

    assert Ticket.read(old, KEY) == Ticket("north-7", Waiting("fr"))


def test_a_ticket_without_a_notice_is_as_it_was_before_there_were_notices() -> None:
    assert Ticket("north-7", Waiting("fr")).sign(KEY) == Signer(key=KEY, salt="cashier.screen").sign_object(
        ["north-7", "fr"]
    )


def test_a_signed_ticket_of_another_form_is_refused() -> None:
    for odd in (["north-7"], ["north-7", "fr", "", ""], {}, "north-7"):
        with pytest.raises(BadTicket):
            Ticket.read(Signer(key=KEY, salt="cashier.screen").sign_object(odd), KEY)
