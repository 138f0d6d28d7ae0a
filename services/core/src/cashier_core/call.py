"""The call: one number, up on a store's screens for a time."""

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_STORE = "default"
"""Slug of the store whose pages are at `/` and whose websocket has no slug in its path."""

LANGUAGES = {
    "en": "English",
    "fr": "Français",
    "de": "Deutsch",
    "es": "Español",
    "it": "Italiano",
    "nl": "Nederlands",
    "pt": "Português",
    "pl": "Polski",
    "ar": "العربية",
}
"""Languages that a call can be made in: code to its own name."""


class Policy(StrEnum):
    """What a press does while another number is up."""

    QUEUE = "queue"
    """It waits until that one has had its whole hold."""
    REPLACE = "replace"
    """It takes the screen at once; whatever was up or waiting is dropped."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a till, told in durations: no wall-clock time leaves Redis.

    mark: a random word that is this call's alone. seq: 1, 2, 3, ... in its store. starts_in_ms: negative
    when it has begun already. hold_ms: how long it is up in all. replaces: whether it drops every call before it.
    label: the till's, as it was when it was pressed.
    """

    mark: str
    seq: int
    num_cashier: int
    language: str
    starts_in_ms: int
    hold_ms: int
    replaces: bool = False
    label: str = ""
