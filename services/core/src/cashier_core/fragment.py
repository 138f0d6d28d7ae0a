"""The HTML fragment that a screen shows. The screen's page and every websocket frame render the same template."""

from typing import TypedDict

from django.template.loader import render_to_string
from django.utils import translation

from cashier_core.call import LANGUAGES
from cashier_core.idle import Idle
from cashier_core.till import Till

TEMPLATE = "cashier_core/_fragment.html"


class FragmentContext(TypedDict):
    """The variables of `_fragment.html`. The screen's page includes the template and passes the same variables."""

    till: int
    word: str
    digits: str
    size: str
    language: str
    direction: str
    idle_text: str
    idle_language: str
    idle_direction: str
    has_notice: bool
    appearance_id: str
    seq: int
    hold_ms: int


def context(
    idle: Idle,
    *,
    language: str | None = None,
    till: int = 0,
    label: str = "",
    seq: int = 0,
    hold_ms: int = 0,
) -> FragmentContext:
    """Build the variables of the template.

    language, till, label: those of the call; till 0 means that there is no call, and that the idle text is shown.
    seq: seq of the store's newest call.
    hold_ms: milliseconds for which the call will still be shown.

    Notices and labels are typed by people and may be in another language than the rest of the fragment. Their direction
    is therefore "auto": the browser takes it from the letters.
    """
    called = Till(till, label)
    language = language or idle.language
    typed = called.word if till else idle.notice
    return {
        "till": till,
        "word": called.word,
        "digits": called.digits,
        "size": called.size,
        "language": language,
        "direction": "auto" if typed else direction(language),
        "idle_text": idle.notice or please_wait(idle.language),
        "idle_language": idle.language,
        "idle_direction": "auto" if idle.notice else direction(idle.language),
        "has_notice": bool(idle.notice),
        "appearance_id": idle.appearance_id,
        "seq": seq,
        "hold_ms": hold_ms,
    }


def please_wait(language: str) -> str:
    """The default text between calls, in this language."""
    with translation.override(language):
        return translation.gettext("Please wait")


def closed(language: str) -> str:
    """The default text while a store is closed, in this language."""
    with translation.override(language):
        return translation.gettext("We are closed")


def direction(language: str) -> str:
    """The writing direction of this language, as a value of HTML's `dir` attribute."""
    return "rtl" if translation.get_language_info(language)["bidi"] else "ltr"


def render(context: FragmentContext) -> str:
    """Render the fragment as HTML, in the language of the context."""
    with translation.override(context["language"]):
        return render_to_string(TEMPLATE, dict(context)).strip()


def warm_up() -> None:
    """Load the template and every catalog at startup. Otherwise the first call in a language takes about 80 ms more."""
    for language in LANGUAGES:
        render(context(Idle(language), till=1))
