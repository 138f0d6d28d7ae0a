"""Knows when the states of the screens were found last (fleet/watch.py), so that pages can say if they are old."""

from datetime import UTC, datetime, timedelta
from typing import cast

from django.utils import timezone
from redis.exceptions import RedisError

from cashier_web.infra.redis_clients import the_redis

KEY = "cashier:fleet:watched"
"""The key of the Unix time at which the screens were watched last."""
STALE = timedelta(seconds=30)
"""If the screens were not watched for this time, the pages say so."""


def watched_at() -> datetime | None:
    """Return when the screens were watched last; None if this is not known. Raises RedisError."""
    text = cast(bytes | None, the_redis().get(KEY))
    return datetime.fromtimestamp(float(text), UTC) if text else None


def note_watched(now: datetime) -> datetime:
    """Note that the screens were watched, and return what `watched_at` returns from now on. Raises RedisError."""
    the_redis().set(KEY, now.timestamp())
    return datetime.fromtimestamp(now.timestamp(), UTC)


def is_stale() -> bool:
    """Return whether the states in the database may be old, because nobody watches the screens."""
    try:
        last_watched = watched_at()
    except RedisError:
        return True
    return last_watched is None or last_watched < timezone.now() - STALE
