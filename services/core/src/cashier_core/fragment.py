"""The message: what a screen says, rendered from the one fragment that the page and every push share."""

from typing import TypedDict

from django.template.loader import render_to_string
from django.utils import translation

from cashier_core.call import LANGUAGES
from cashier_core.idle import Waiting
from cashier_core.till import Till

TEMPLATE = "cashier_core/_message.html"


class MessageContext(TypedDict):
    """What `_message.html` needs; the screen's page includes it with the same names."""

    num_cashier: int
    word: str
    digits: str
    size: str
    language: str
    direction: str
    waiting: str
    waiting_language: str
    waiting_direction: str
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
    """num_cashier: 0 for "please wait". language, label: the call's. hold_ms: how long the number is still up.

    What people have typed, a notice or a till's name, may be in another language than the rest: its letters tell its
    direction.
    """
    till = Till(num_cashier, label)
    language = language or waiting.language
    typed = till.word if num_cashier else waiting.notice
    return {
        "num_cashier": num_cashier,
        "word": till.word,
        "digits": till.digits,
        "size": till.size,
        "language": language,
        "direction": "auto" if typed else direction(language),
        "waiting": waiting.notice or please_wait(waiting.language),
        "waiting_language": waiting.language,
        "waiting_direction": "auto" if waiting.notice else direction(waiting.language),
        "notice": bool(waiting.notice),
        "look": waiting.look,
        "seq": seq,
        "hold_ms": hold_ms,
    }


def please_wait(language: str) -> str:
    """What screens say between calls, in this language."""
    with translation.override(language):
        return translation.gettext("Please wait")


def closed(language: str) -> str:
    """What screens of a closed store say, unless it has words of its own."""
    with translation.override(language):
        return translation.gettext("We are closed")


def direction(language: str) -> str:
    """Which way it is written, as HTML's `dir` has it."""
    return "rtl" if translation.get_language_info(language)["bidi"] else "ltr"


def render(message: MessageContext) -> str:
    """The fragment as HTML, in the message's own language."""
    with translation.override(message["language"]):
        return render_to_string(TEMPLATE, dict(message)).strip()


def warm_up() -> None:
    """Load the template and every catalog now: the first call in a language would wait some 80 ms for it."""
    for language in LANGUAGES:
        render(context(Waiting(language), num_cashier=1))
