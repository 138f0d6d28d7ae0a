"""A ticket says which store a screen belongs to, and only we can make one."""

import pytest

from cashier_core.tickets import BadTicket, Ticket

KEY, OTHER_KEY = "k" * 40, "o" * 40


def test_a_ticket_comes_back_as_it_was_signed() -> None:
    ticket = Ticket("north-7", "fr")

    assert Ticket.read(ticket.sign(KEY), KEY) == ticket


@pytest.mark.parametrize(
    "text", ["", "x", "a:b", ":", "WyJkZWZhdWx0IiwiZW4iXQ", Ticket("default", "en").sign(OTHER_KEY), "é" * 50, "\0"]
)
def test_anything_else_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(BadTicket) as caught:
        Ticket.read(text, KEY)

    assert "ticket" in str(caught.value)


def test_a_ticket_of_another_store_cannot_be_made_from_ours() -> None:
    ours, theirs = Ticket("a", "en").sign(KEY), Ticket("b", "en").sign(OTHER_KEY)
    forged = theirs.split(":")[0] + ":" + ours.split(":")[1]

    with pytest.raises(BadTicket):
        Ticket.read(forged, KEY)
