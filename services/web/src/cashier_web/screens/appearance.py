"""The look: what a store's screens must know beside its calls. Their pages take up a new one by themselves."""

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
def version() -> str:
    """Of the page itself: another one when its scripts, its styles or its HTML are others."""
    parts = [str(getattr(staticfiles_storage, "manifest_hash", "")).encode()]
    parts += [Path(str(get_template(name).origin.name)).read_bytes() for name in TEMPLATES]  # type: ignore[attr-defined]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:8]


def settings_of(store: Store) -> dict[str, Any]:
    """What the store has set: `arrows` by till, `waiting` in every language in turn, and the rest as it is called."""
    return {
        "name": store.name,
        "logo": store.logo.url if store.logo else "",
        "time_zone": store.time_zone,
        "arrows": store.arrows,
        "shows_recent": store.shows_recent,
        "waiting": [told(language) for language in dict.fromkeys([store.language, *store.also_waits_in])],
        "ink": store.ink,
        "ground": store.ground,
        "volume": 0 if store.is_muted else store.volume,
    }


def media_of(store: Store) -> list[dict[str, Any]]:
    """What its screens show between calls, in turn: `url`, `kind`, and for a picture `seconds`. Asks the database.

    Its changes count in `store.revision`, so that a look has its name without this.
    """
    return [{"url": each.file.url, "kind": each.kind, "seconds": each.seconds} for each in store.media.all()]


@cache
def told(language: str) -> dict[str, str]:
    """How screens ask to wait: `language`, `direction` and `text`."""
    return {"language": language, "direction": fragment.direction(language), "text": fragment.please_wait(language)}


def name(store: Store) -> str:
    """`version.settings`: of a page of this version that knows what the store and its screens have set now."""
    settings = json.dumps([store.revision, settings_of(store)], sort_keys=True)
    return f"{version()}.{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def of(store: Store, screen: Screen | None) -> str:
    """Everything that the page of this screen needs, in JSON, with the look's `id`. volume: 0 for muted, to 100."""
    look = {"id": name(store), **settings_of(store), "media": media_of(store)}
    if screen and screen.is_muted:
        look["volume"] = 0
    elif screen and screen.volume is not None and not store.is_muted:
        look["volume"] = screen.volume
    return json.dumps(look)


def idle_of(store: Store) -> Idle:
    """What the store's screens say while nobody is called."""
    if store.is_open:
        return Idle(store.language, appearance_id=name(store))
    return Idle(store.language, store.closed_message or fragment.closed(store.language), name(store))
