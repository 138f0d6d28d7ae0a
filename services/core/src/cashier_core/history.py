"""Reads the history of calls from Redis. The Lua scripts write the history, and web moves it to the database."""

import json
from collections.abc import Sequence
from typing import Any, cast

from redis import Redis

KEY = "cashier:history"
"""The key of the Redis stream that contains the history.

The Lua scripts add an entry in the same atomic step in which they schedule, replace or cancel a call.
"""
MAX_ENTRIES = 100_000
"""The stream keeps about this many entries, which need about 30 MB of memory. Older entries are deleted."""


class History:
    """The history of calls in Redis. Every method raises redis.RedisError if Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def changes(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Return the changes in the `count` oldest entries of the history, as pairs of an entry's id and a change.

        Each change concerns one call. It is a dictionary with `store` and `mark` (the call_id), and with the values
        that have changed: `outcome`, `start` or `end`. A change that describes a new call also has `seq`, `till`,
        `label`, `language`, `by` (who has pressed), `again` (whether the same customer is called once more) and
        `pressed` (the time of the press). Times are Unix times in milliseconds on Redis's clock.
        """
        found = cast(list[tuple[bytes, dict[bytes, bytes]]], self._redis.xrange(KEY, count=count))
        return [(entry_id.decode(), change) for entry_id, fields in found for change in _changes(fields)]

    def remove(self, entry_ids: Sequence[str]) -> None:
        """Remove these entries from Redis, because they are now in the database."""
        self._redis.xdel(KEY, *entry_ids)

    def length(self) -> int:
        """Return the number of entries in the history. Beyond `MAX_ENTRIES`, Redis deletes the oldest entries."""
        return self._redis.xlen(KEY)


def _changes(fields: dict[bytes, bytes]) -> list[dict[str, Any]]:
    """Return the changes in one entry of the stream.

    Entries that an older version of web has written contain only one change, in the field `entry`.
    """
    changes: list[dict[str, Any]] = json.loads(fields.get(b"changes") or b"[%s]" % fields[b"entry"])
    return changes
