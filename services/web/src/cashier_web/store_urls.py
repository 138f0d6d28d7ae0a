"""The addresses of a store's pages."""

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
"""Of a manager's pages the name of the address, and their own."""


def store_path(name: str, store: Store, **parts: Any) -> str:
    """Address of one of the store's pages; the default store's are at the top."""
    slug = {} if store.slug == DEFAULT_STORE else {"slug": store.slug}
    return reverse(name, kwargs={**slug, **parts})


def managed_pages(store: Store) -> list[tuple[str, str, Promise]]:
    """What leads a manager through the store's pages: name of the address, the address, and what the page is called."""
    return [(name, store_path(name, store), title) for name, title in MANAGED]
