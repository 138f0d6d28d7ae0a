"""Reads the history of calls from Redis. The Lua scripts write it; web moves it to the database."""

import json
from collections.abc import Sequence
from typing import Any, cast

from redis import Redis

KEY = "cashier:history"
"""A Redis stream. The scripts add to it in the same step that schedules, replaces or cancels a call."""
MAX_ENTRIES = 100_000
"""The stream keeps at most this many entries, about 30 MB."""


class History:
    """Every method raises redis.RedisError if Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def changes(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """The changes of the `count` oldest entries, each with the id of its entry.

        Each change has `store`, `mark` (the call_id) and what has changed: `outcome`, `start`, `end`. A change that
        describes a new call also has `seq`, `till`, `label`, `language`, `by`, `again` and `pressed`. Times are
        milliseconds since the epoch, on Redis's clock.
        """
        found = cast(list[tuple[bytes, dict[bytes, bytes]]], self._redis.xrange(KEY, count=count))
        return [(entry_id.decode(), change) for entry_id, fields in found for change in _changes(fields)]

    def remove(self, entry_ids: Sequence[str]) -> None:
        """Remove entries that are now in the database."""
        self._redis.xdel(KEY, *entry_ids)

    def length(self) -> int:
        """The number of entries. When it reaches `MAX_ENTRIES`, the oldest entries are lost."""
        return self._redis.xlen(KEY)


def _changes(fields: dict[bytes, bytes]) -> list[dict[str, Any]]:
    """The changes in one entry. An older version of web wrote single changes, in the field `entry`."""
    changes: list[dict[str, Any]] = json.loads(fields.get(b"changes") or b"[%s]" % fields[b"entry"])
    return changes
