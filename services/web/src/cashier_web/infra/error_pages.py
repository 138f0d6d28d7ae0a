"""Renders the pages that Nginx shows if it refuses a request itself, or if web does not answer.

Nginx serves these pages as files, because web cannot render them at that moment. Each page contains its script and its
styles, because Nginx may refuse the requests for other files, too.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise, lazy
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from cashier_core.call import LANGUAGES
from cashier_core.fragment import please_wait

STATIC = Path(__file__).parents[1] / "static" / "cashier_web"


@dataclass(frozen=True)
class ErrorPage:
    """The content of one page.

    heading: the large text. text: more sentences, or "". retries: whether the page loads itself again. links_back:
    whether the page has a link to the previous page.
    """

    heading: str | Promise
    text: str | Promise = ""
    retries: bool = False
    links_back: bool = False


PLEASE_WAIT = lazy(lambda: please_wait(translation.get_language()), str)()
UNREADABLE = _("The server cannot read this request.")
NOT_FOUND = ErrorPage(_("There is no such page or store."))
TOO_LARGE = ErrorPage(_("This is too large. Nothing was changed."), links_back=True)
UPLOAD_TOO_LARGE = ErrorPage(
    _("This is too large. Nothing was changed."),
    _("A picture may have 8 MB, and a video 64 MB."),
    links_back=True,
)
PAGES = {
    # These pages answer requests that only read something. Such a request may be repeated. A television may show the
    # pages "busy" and "unavailable" to customers, so the heading of these two pages is "Please wait".
    "page/busy": ErrorPage(
        PLEASE_WAIT,
        _("Too many requests come from this network at the moment. This page tries again by itself."),
        retries=True,
    ),
    "page/unavailable": ErrorPage(
        PLEASE_WAIT, _("The server does not answer at the moment. This page tries again by itself."), retries=True
    ),
    "page/unreadable": ErrorPage(UNREADABLE, _("This page tries again by itself."), retries=True),
    "page/too_large": TOO_LARGE,
    "page/upload_too_large": UPLOAD_TOO_LARGE,
    "page/not_found": NOT_FOUND,
    # These pages answer requests that send a form. Such a request may change something, so no page repeats it.
    "form/busy": ErrorPage(
        _("Nothing was changed."),
        _("Too many requests come from this network at the moment. Go back, and try again in a few seconds."),
        links_back=True,
    ),
    "form/unavailable": ErrorPage(
        _("The server has not answered."),
        _("Perhaps your change was made, and perhaps it was not. Go back, and check."),
        links_back=True,
    ),
    "form/unreadable": ErrorPage(UNREADABLE, _("Nothing was changed."), links_back=True),
    "form/too_large": TOO_LARGE,
    "form/upload_too_large": UPLOAD_TOO_LARGE,
    "form/not_found": NOT_FOUND,
}
"""Maps the audience and the kind of each page to its content. nginx.conf uses the same names of audiences and kinds."""


def write_error_pages(folder: Path) -> None:
    """Write all pages in all languages as `<language>/<audience>/<kind>.html` below `folder`."""
    for path, content in render_error_pages():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)


def render_error_pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the content of each page."""
    style, script = (inline(STATIC / name) for name in ("error_page.css", "error_page.js"))
    assets = {
        "style": mark_safe(style),  # noqa: S308  # our own file
        "script": mark_safe(script),  # noqa: S308
        "style_hash": csp_hash(style),
        "script_hash": csp_hash(script),
    }
    for language in LANGUAGES:
        with translation.override(language):
            for name, page in PAGES.items():
                content = render_to_string("cashier_web/error_page_of_nginx.html", {"page": page, **assets})
                yield f"{language}/{name}.html", content


def inline(file: Path) -> str:
    """Return the content of a file for a <style> or <script> element."""
    return f"\n{file.read_text()}"


def csp_hash(content: str) -> str:
    """Return the hash by which a Content-Security-Policy allows an inline script or style with this content."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
