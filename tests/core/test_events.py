"""A message from the channel layer is parsed into an event. A message that is not a valid event is refused."""

import pytest

from cashier_core.call import Call
from cashier_core.events import BadEvent, Event, Version
from cashier_core.idle import Idle

MESSAGE = {
    "type": "cashier.message",
    "store": "default",
    "num_cashier": 4,
    "language": "fr",
    "waiting_language": "en",
    "seq": 17,
    "starts_in_ms": 0,
    "hold_ms": 3000,
    "epoch": "e",
    "mark": "m",
    "after": "l",
    "rev": 20,
    "replaces": False,
}


def test_a_call_is_read() -> None:
    assert Event.from_message(MESSAGE) == Event(
        "default", Version("e", 20, "m"), "l", 17, Idle("en"), Call("m", 17, 4, "fr", 0, 3000)
    )


def test_number_zero_means_that_there_is_no_call() -> None:
    assert Event.from_message({**MESSAGE, "num_cashier": 0}).call is None


def test_label_and_notice_are_read() -> None:
    event = Event.from_message({**MESSAGE, "label": "Pharmacy", "notice": "Closed"})

    assert event.call == Call("m", 17, 4, "fr", 0, 3000, label="Pharmacy")
    assert event.idle == Idle("en", "Closed")


@pytest.mark.parametrize("missing", [key for key in MESSAGE if key not in ("type", "replaces")])
def test_a_missing_field_is_refused(missing: str) -> None:
    with pytest.raises(BadEvent):
        Event.from_message({key: value for key, value in MESSAGE.items() if key != missing})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_cashier", -1),
        ("num_cashier", "four"),
        ("language", "xx"),
        ("waiting_language", None),
        ("hold_ms", -1),
        ("seq", None),
        ("rev", float("inf")),
        ("language", ["en"]),
    ],
)
def test_a_bad_field_is_refused(field: str, value: object) -> None:
    with pytest.raises(BadEvent):
        Event.from_message({**MESSAGE, field: value})
