"""Sessions in Redis, backed by the database. A press needs only Redis.

Redis contains the same text as the database: JSON that is signed with the secret key. So nobody who can only write into
Redis can forge a session.
"""

import logging
import re
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone
from redis.exceptions import RedisError

from cashier_web.infra.batches import batches
from cashier_web.infra.database_gate import one_at_a_time
from cashier_web.infra.redis_clients import the_redis

KEY_PREFIX = "cashier:session:"
KEY_FORM = re.compile(r"[a-z0-9]{32}")
"""The form of a session key. A cookie may contain any other text, for which there is no session."""
ENDED = b"ended"
"""The value of a session that has ended. It stays for as long as a session, so that no request that has read the
session from the database just before its end can write the session into Redis again."""
BATCH = 500

log = logging.getLogger(__name__)


class SessionStore(db.SessionStore):
    """A session in the database, with a copy in Redis. While Redis does not answer, the database is read."""

    def load(self) -> dict[str, Any]:
        if not KEY_FORM.fullmatch(self.session_key or ""):
            self._session_key = None
            return {}
        key = f"{KEY_PREFIX}{self.session_key}"
        try:
            text = cast(bytes | None, the_redis().get(key))
            if text is None:
                data = self._load_from_database()
                if not data:
                    return {}
                # If the session has ended meanwhile, the text `ENDED` is not replaced.
                the_redis().set(key, self.encode(data), nx=True, ex=max(1, self._seconds_left(data)))
                text = cast(bytes, the_redis().get(key) or ENDED)
        except RedisError:
            return self._load_from_database()
        data = {} if text == ENDED else self.decode(text.decode())
        # Redis measures the time with its own clock. If this clock is set back, Redis keeps a session that has ended.
        if text == ENDED or self._seconds_left(data) <= 0:
            self._session_key = None
            return {}
        return data

    def save(self, must_create: bool = False) -> None:
        super().save(must_create)
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        try:
            the_redis().set(f"{KEY_PREFIX}{self.session_key}", self.encode(data), ex=max(1, self._seconds_left(data)))
        except RedisError as fault:
            # The session in Redis may be older now. Only the choice of a till is changed in an existing session.
            log.warning("a session could not be written to Redis: %s", fault)

    def delete(self, session_key: str | None = None) -> None:
        # The session in Redis ends first. If Redis does not answer, the request fails. Otherwise the session in Redis
        # would still be valid after the person has signed out.
        if key := session_key or self.session_key:
            the_redis().set(KEY_PREFIX + key, ENDED, ex=settings.SESSION_COOKIE_AGE)
        super().delete(session_key)

    def _load_from_database(self) -> dict[str, Any]:
        with one_at_a_time():
            session = self._get_session_from_db()  # type: ignore[attr-defined]
        return self.decode(session.session_data) if session else {}

    def _seconds_left(self, data: dict[str, Any]) -> int:
        """Return for how many more seconds the session is valid."""
        end = data.get("_session_expiry")
        if not isinstance(end, str):
            return settings.SESSION_COOKIE_AGE
        return round((datetime.fromisoformat(end) - timezone.now()).total_seconds())


def delete_ended_sessions() -> int:
    """End the sessions in Redis that are not in the database. Returns how many sessions were ended.

    The periodic task "sessions" calls this function. A session is only in Redis if an earlier version of cashier_q has
    signed somebody out during an update, or if Redis has lost its last writes.
    """
    count = 0
    for keys in batches(the_redis().scan_iter(match=f"{KEY_PREFIX}*", count=1000), BATCH):
        values = cast(list[bytes | None], the_redis().mget(keys))
        open_sessions = {
            key.decode().removeprefix(KEY_PREFIX)
            for key, value in zip(keys, values, strict=True)
            if value not in {None, ENDED}
        }
        known = Session.objects.filter(session_key__in=open_sessions).values_list("session_key", flat=True)
        for session_key in open_sessions - set(known):
            the_redis().set(KEY_PREFIX + session_key, ENDED, ex=settings.SESSION_COOKIE_AGE)
            count += 1
    return count


def delete_sessions_in_redis() -> None:
    """Delete all sessions in Redis, after a backup was restored. Raises RedisError if Redis does not answer."""
    for key in the_redis().scan_iter(match=f"{KEY_PREFIX}*", count=1000):
        the_redis().delete(key)
