"""The paths of a store's pages, and the links of a manager's navigation bar."""

from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cashier_core.call import DEFAULT_STORE
from cashier_web.models import Store

MANAGED: list[tuple[str, Promise]] = [
    ("buttons", _("Buttons")),
    ("screens", _("Screens")),
    ("media", _("Media")),
    ("devices", _("Devices")),
    ("people", _("People")),
    ("history", _("History")),
]
"""A manager's pages: the name of the URL, and the title of the page."""


def store_path(name: str, store: Store, **parts: Any) -> str:
    """The path of one of the store's pages, by the name of its URL. The default store's pages are at the top level."""
    slug = {} if store.slug == DEFAULT_STORE else {"slug": store.slug}
    return reverse(name, kwargs={**slug, **parts})


def managed_pages(store: Store) -> list[tuple[str, str, Promise]]:
    """The links of the navigation bar: name of the URL, path and title of each page."""
    return [(name, store_path(name, store), title) for name, title in MANAGED]
