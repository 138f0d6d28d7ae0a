"""The message: what a screen says, rendered from the one fragment that the page and every push share."""

from typing import TypedDict

from django.template.loader import render_to_string
from django.utils import translation

from cashier_core.call import LANGUAGES

TEMPLATE = "cashier_core/_message.html"


class MessageContext(TypedDict):
    """What `_message.html` needs; the screen's page includes it with the same names."""

    num_cashier: int
    digits: int
    language: str
    waiting: str
    waiting_language: str
    seq: int
    hold_ms: int


def context(
    waiting_language: str, *, language: str | None = None, num_cashier: int = 0, seq: int = 0, hold_ms: int = 0
) -> MessageContext:
    """num_cashier: 0 for "please wait". language: the call's. hold_ms: how long the number is still up."""
    with translation.override(waiting_language):
        waiting = translation.gettext("Please wait")
    return {
        "num_cashier": num_cashier,
        "digits": len(str(num_cashier)),
        "language": language or waiting_language,
        "waiting": waiting,
        "waiting_language": waiting_language,
        "seq": seq,
        "hold_ms": hold_ms,
    }


def render(message: MessageContext) -> str:
    """The fragment as HTML, in the message's own language."""
    with translation.override(message["language"]):
        return render_to_string(TEMPLATE, dict(message)).strip()


def warm_up() -> None:
    """Load the template and every catalog now: the first call in a language would wait some 80 ms for it."""
    for language in LANGUAGES:
        render(context(language, num_cashier=1))
