"""The appearance of a store's screens: everything that a screen's page needs besides the calls.

A page that is told another appearance id loads its new appearance by itself.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.template.loader import get_template

from cashier_core import fragment
from cashier_core.idle import Idle
from cashier_web.models import Screen, Store

TEMPLATES = ("cashier_web/screen.html", "cashier_core/_fragment.html")


@cache
def page_version() -> str:
    """A hash of the page itself, which changes with its scripts, its styles and its HTML."""
    parts = [str(getattr(staticfiles_storage, "manifest_hash", "")).encode()]
    parts += [Path(str(get_template(name).origin.name)).read_bytes() for name in TEMPLATES]  # type: ignore[attr-defined]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:8]


def settings_of(store: Store) -> dict[str, Any]:
    """The store's settings that its screens show. `arrows` is by till; `waiting` has one text for each language."""
    return {
        "name": store.name,
        "logo": store.logo.url if store.logo else "",
        "time_zone": store.time_zone,
        "arrows": store.arrows,
        "shows_recent": store.shows_recent,
        "waiting": [idle_text(language) for language in dict.fromkeys([store.language, *store.also_waits_in])],
        "ink": store.ink,
        "ground": store.ground,
        "volume": 0 if store.is_muted else store.volume,
    }


def media_of(store: Store) -> list[dict[str, Any]]:
    """The pictures and videos between calls, in order, with `url` and `kind`, and `seconds` for a picture.

    This queries the database. `appearance_id` does not need the media, because each change of them counts up
    `store.revision`.
    """
    return [{"url": each.file.url, "kind": each.kind, "seconds": each.seconds} for each in store.media.all()]


@cache
def idle_text(language: str) -> dict[str, str]:
    """How a screen asks customers to wait: `language`, `direction` and `text`."""
    return {"language": language, "direction": fragment.direction(language), "text": fragment.please_wait(language)}


def appearance_id(store: Store) -> str:
    """`version.settings`: two hashes, of the page and of what the store and its screens are set to."""
    settings = json.dumps([store.revision, settings_of(store)], sort_keys=True)
    return f"{page_version()}.{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def appearance_json(store: Store, screen: Screen | None) -> str:
    """The appearance of this screen with its `id`. `volume`: 0 (muted) to 100; a paired screen may have its own."""
    appearance = {"id": appearance_id(store), **settings_of(store), "media": media_of(store)}
    if screen and screen.is_muted:
        appearance["volume"] = 0
    elif screen and screen.volume is not None and not store.is_muted:
        appearance["volume"] = screen.volume
    return json.dumps(appearance)


def idle_of(store: Store) -> Idle:
    """What the store's screens show while nobody is called."""
    if store.is_open:
        return Idle(store.language, appearance_id=appearance_id(store))
    return Idle(store.language, store.closed_message or fragment.closed(store.language), appearance_id(store))
