"""The appearance of a store's screens: everything that a screen's page needs besides the calls.

When a page receives an appearance id that differs from its own, the page loads the new appearance by itself.
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
    """A hash of the screen's page, which changes whenever its scripts, its styles or its templates change."""
    parts = [str(getattr(staticfiles_storage, "manifest_hash", "")).encode()]
    parts += [Path(str(get_template(name).origin.name)).read_bytes() for name in TEMPLATES]  # type: ignore[attr-defined]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:8]


def settings_of(store: Store) -> dict[str, Any]:
    """The settings of the store for its screens.

    `arrows`: the direction of each till that has an arrow, by the till's number. `waiting`: the text "Please wait" in
    each language that the screens show between calls.
    """
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
    """The store's pictures and videos, in the order in which screens show them.

    `kind`: "picture" or "video". `seconds`: how long a picture is shown.

    This function queries the database. `appearance_id` avoids this query: it reads `store.revision`, which each change
    of the media increments.
    """
    return [{"url": each.file.url, "kind": each.kind, "seconds": each.seconds} for each in store.media.all()]


@cache
def idle_text(language: str) -> dict[str, str]:
    """The text "Please wait" in this language, with the code of the language and the direction of its script."""
    return {"language": language, "direction": fragment.direction(language), "text": fragment.please_wait(language)}


def appearance_id(store: Store) -> str:
    """The appearance id of the store, in the form `version.settings` or `version.settings.wakes_at`.

    `version` is a hash of the screen's page, and `settings` is a hash of the store's settings for its screens.
    Outside of the store's opening hours, `wakes_at` is the Unix time at which they begin, unless a person has opened
    the store by hand. It is part of the id, so that the screens know it without asking the server: all stores of a
    chain may close at the same time.
    """
    settings = json.dumps([store.revision, settings_of(store)], sort_keys=True)
    parts = [page_version(), hashlib.sha256(settings.encode()).hexdigest()[:8]]
    # When the hours have begun, the next change is their end.
    is_opened_by_hand = store.follows_hours and store.is_open
    if store.asleep_until and store.changes_at in {store.asleep_until, None} and not is_opened_by_hand:
        parts.append(str(round(store.asleep_until.timestamp())))
    return ".".join(parts)


def appearance_json(store: Store, screen: Screen | None) -> str:
    """The appearance of one screen, as a JSON object that contains the appearance id as `id`.

    `volume` is between 0 (muted) and 100. If a paired screen has its own volume, this volume is used instead of the
    store's. No screen of a muted store has sound.
    """
    appearance = {"id": appearance_id(store), **settings_of(store), "media": media_of(store)}
    if screen and screen.is_muted:
        appearance["volume"] = 0
    elif screen and screen.volume is not None and not store.is_muted:
        appearance["volume"] = screen.volume
    return json.dumps(appearance)


def idle_of(store: Store) -> Idle:
    """Return the idle text of the store's screens, together with the store's appearance id."""
    if store.is_open:
        return Idle(store.language, appearance_id=appearance_id(store))
    return Idle(store.language, store.closed_message or fragment.closed(store.language), appearance_id(store))
