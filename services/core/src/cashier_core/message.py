"""The message: what a screen says, rendered from the one fragment that the page and every push share."""

from typing import TypedDict

from django.template.loader import render_to_string
from django.utils import translation

from cashier_core.call import LANGUAGES
from cashier_core.till import Till
from cashier_core.waiting import Waiting

TEMPLATE = "cashier_core/_message.html"


class MessageContext(TypedDict):
    """What `_message.html` needs; the screen's page includes it with the same names."""

    num_cashier: int
    word: str
    digits: str
    size: str
    language: str
    waiting: str
    waiting_language: str
    notice: bool
    look: str
    seq: int
    hold_ms: int


def context(
    waiting: Waiting,
    *,
    language: str | None = None,
    num_cashier: int = 0,
    label: str = "",
    seq: int = 0,
    hold_ms: int = 0,
) -> MessageContext:
    """num_cashier: 0 for "please wait". language, label: the call's. hold_ms: how long the number is still up."""
    till = Till(num_cashier, label)
    return {
        "num_cashier": num_cashier,
        "word": till.word,
        "digits": till.digits,
        "size": till.size,
        "language": language or waiting.language,
        "waiting": waiting.notice or please_wait(waiting.language),
        "waiting_language": waiting.language,
        "notice": bool(waiting.notice),
        "look": waiting.look,
        "seq": seq,
        "hold_ms": hold_ms,
    }


def please_wait(language: str) -> str:
    """What screens say between calls, in this language."""
    with translation.override(language):
        return translation.gettext("Please wait")


def render(message: MessageContext) -> str:
    """The fragment as HTML, in the message's own language."""
    with translation.override(message["language"]):
        return render_to_string(TEMPLATE, dict(message)).strip()


def warm_up() -> None:
    """Load the template and every catalog now: the first call in a language would wait some 80 ms for it."""
    for language in LANGUAGES:
        render(context(Waiting(language), num_cashier=1))
