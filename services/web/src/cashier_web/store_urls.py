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
    ("hours", _("Hours")),
    ("media", _("Media")),
    ("devices", _("Devices")),
    ("people", _("People")),
    ("history", _("History")),
]
"""The pages for managers: the name of the URL and the title of each page."""


def store_path(name: str, store: Store, **parts: Any) -> str:
    """The path of one of the store's pages. name: the name of the page's URL.

    The paths of the default store are at the top level. The paths of any other store begin with /s/<slug>/.
    """
    slug = {} if store.slug == DEFAULT_STORE else {"slug": store.slug}
    return reverse(name, kwargs={**slug, **parts})


def managed_pages(store: Store) -> list[tuple[str, str, Promise]]:
    """The links of the navigation bar: the name of the URL, the path and the title of each page."""
    return [(name, store_path(name, store), title) for name, title in MANAGED]
