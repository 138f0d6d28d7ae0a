"""Defines what the screens of a store show between calls."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Idle:
    """The idle text of a store's screens, and the appearance that the screens should have.

    language: the language of "Please wait".
    notice: a text that replaces "Please wait", for example that the store is closed; "" for none.
    appearance_id: identifies the store's current appearance (logo, colours, sound, ...). If a screen's page has another
    appearance, the page loads the current one. The appearance_id is "" as long as web has not written it to Redis.
    """

    language: str
    notice: str = ""
    appearance_id: str = ""
