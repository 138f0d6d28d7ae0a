"""Defines a call: the screens of a store show the number or name of one till for a limited time."""

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_STORE = "default"
"""The slug of the default store. The addresses of its pages and of its websocket contain no slug."""

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
"""The languages in which a call can be shown. Each code is mapped to the language's name in that language."""


class Policy(StrEnum):
    """A store's policy: what a press does while the screens show another call."""

    QUEUE = "queue"
    """With the policy `queue`, a new call is shown after all earlier calls have been shown for their whole hold."""
    REPLACE = "replace"
    """With the policy `replace`, a new call is shown at once. The shown call and all queued calls are removed."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Its times are durations, not times of day, because the clocks of two hosts may differ.

    call_id: a random string that identifies this call.
    seq: the serial number of the call in its store: 1, 2, 3, ...
    till: the number of the till.
    language: the language in which the call is shown and spoken.
    starts_in_ms: milliseconds until the call starts; negative if the call has already started.
    hold_ms: milliseconds for which the call is shown in total.
    replaces: whether this call removes all earlier calls of the store.
    label: the till's label at the time of the press; "" if the till has none.
    ends_at_ms: when the call ends, in milliseconds on the timeline's clock in Redis; 0 if this is not known, because an
    older version of web has announced the call. It is only compared with other times on this clock.
    """

    call_id: str
    seq: int
    till: int
    language: str
    starts_in_ms: int
    hold_ms: int
    replaces: bool = False
    label: str = ""
    ends_at_ms: int = 0
