"""The history's way out of Redis: what became of each call, until web has it in the database."""

import json
from collections.abc import Sequence
from typing import Any, cast

from redis import Redis

KEY = "cashier:history"
"""A stream, to which the scripts add within the very step that schedules, replaces or takes back a call."""
MOST = 100_000
"""Entries that it keeps, as in `lua/store.lua`; some 30 MB."""


class History:
    """Reads the stream. Every method raises redis.RedisError when Redis doesn't answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def changes(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """All of the oldest entries, each with its entry's number.

        `store`, `mark` of the call, and what is so from then on: `outcome`, `start`, `end`; of a new call also `seq`,
        `till`, `label`, `language`, `by`, `again` and `pressed`. Times are Redis's, in ms since the epoch.
        """
        found = cast(list[tuple[bytes, dict[bytes, bytes]]], self._redis.xrange(KEY, count=count))
        return [(number.decode(), change) for number, fields in found for change in _changes(fields)]

    def remove(self, numbers: Sequence[str]) -> None:
        """They are kept elsewhere now."""
        self._redis.xdel(KEY, *numbers)

    def length(self) -> int:
        """How many wait; at `MOST` the oldest are lost."""
        return self._redis.xlen(KEY)


def _changes(fields: dict[bytes, bytes]) -> list[dict[str, Any]]:
    """A web of the version before leaves one at a time, under another name, and can't read these."""
    changes: list[dict[str, Any]] = json.loads(fields.get(b"changes") or b"[%s]" % fields[b"entry"])
    return changes
