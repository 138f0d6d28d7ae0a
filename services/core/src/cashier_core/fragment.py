"""Renders the HTML fragment that a screen shows. The screen's page and every websocket frame use the same template."""

from typing import TypedDict

from django.template.loader import render_to_string
from django.utils import translation

from cashier_core.call import LANGUAGES
from cashier_core.idle import Idle
from cashier_core.till import Till

TEMPLATE = "cashier_core/_fragment.html"


class FragmentContext(TypedDict):
    """The variables of `_fragment.html`. The screen's page includes this template, and must set the same variables."""

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
    call_id: str


def context(
    idle: Idle,
    *,
    language: str | None = None,
    till: int = 0,
    label: str = "",
    seq: int = 0,
    hold_ms: int = 0,
    call_id: str = "",
) -> FragmentContext:
    """Build the variables of the template.

    language, till, label: the language, till and label of the call that is shown. If till is 0, no call is shown, and
    the fragment contains the idle text.
    seq: the seq of the store's newest call.
    hold_ms: milliseconds for which the call will still be shown.
    call_id: the call_id of the call, which the page names in its report; "" if the page must not report the call.

    People type notices and labels, and may use another language than the rest of the fragment. Therefore the writing
    direction of notices and labels is "auto": the browser chooses the direction by the letters.
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
        "call_id": call_id,
    }


def please_wait(language: str) -> str:
    """Return the default idle text, "Please wait", in this language."""
    with translation.override(language):
        return translation.gettext("Please wait")


def closed(language: str) -> str:
    """Return the default idle text of a closed store in this language."""
    with translation.override(language):
        return translation.gettext("We are closed")


def direction(language: str) -> str:
    """Return the writing direction of this language as a value of the HTML attribute `dir`: "ltr" or "rtl"."""
    return "rtl" if translation.get_language_info(language)["bidi"] else "ltr"


def render(context: FragmentContext) -> str:
    """Render the fragment as HTML. Fixed words such as "Cashier" are in the language `context["language"]`."""
    with translation.override(context["language"]):
        return render_to_string(TEMPLATE, dict(context)).strip()


def warm_up() -> None:
    """Load the template and the translations of all languages when the process starts.

    Without this, the first call in each language would be painted about 80 ms later.
    """
    for language in LANGUAGES:
        render(context(Idle(language), till=1))
