"""A call: one till's number or name, on a store's screens for a limited time."""

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
"""Languages in which a call can be made: code, and the language's own name."""


class Policy(StrEnum):
    """What a press does while another call is on the screens."""

    QUEUE = "queue"
    """The new call waits until the calls before it have had their whole hold."""
    REPLACE = "replace"
    """The new call is shown at once. Calls that are shown or queued are dropped."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call. All times are durations, because the clocks of different hosts may disagree.

    call_id: a random string that identifies this call.
    seq: counts the calls of one store: 1, 2, 3, ...
    till: the number of the till.
    language: the language in which the call is shown and spoken.
    starts_in_ms: milliseconds until the call starts; negative if the call has already started.
    hold_ms: milliseconds for which the call is shown in total.
    replaces: whether this call drops every call before it.
    label: the till's label at the time of the press; "" if the till has none.
    """

    call_id: str
    seq: int
    till: int
    language: str
    starts_in_ms: int
    hold_ms: int
    replaces: bool = False
    label: str = ""
