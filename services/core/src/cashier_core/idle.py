"""What a store's screens show between calls."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Idle:
    """The text between calls, and which appearance the screens should have.

    language: the language of "please wait".
    notice: a text that replaces "please wait", for example that the store is closed; "" for none.
    appearance_id: identifies the store's current appearance (logo, colours, sound, ...). A screen's page that has
    another appearance loads the current one. "" while web has not yet told Redis.
    """

    language: str
    notice: str = ""
    appearance_id: str = ""
