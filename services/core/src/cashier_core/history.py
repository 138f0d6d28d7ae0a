"""Reads the history of calls from Redis. The Lua scripts write the history, and web moves it to the database."""

from collections.abc import Sequence
from typing import cast

from redis import Redis

KEY = "cashier:history"
"""The key of the Redis stream that contains the history.

The Lua scripts add an entry in the same atomic step in which they schedule, replace or cancel a call.
"""
MAX_ENTRIES = 500_000
"""If the stream has this many entries, presses are refused, because their calls would be missing in the history.

500 stores with 1,000 calls each fill the stream within a day in which web cannot write to the database. The entries
then need 140 MB of memory.
"""


class History:
    """The history of calls in Redis. Every method raises redis.RedisError if Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def entries(self, count: int) -> list[tuple[str, bytes]]:
        """Return the `count` oldest entries of the history, as pairs of the entry's id and its content.

        The content is JSON: a list of changes. Entries that an older version of web has written contain one change
        without a list. Each change concerns one call. It is an object with `store` and `mark` (the call_id), and with
        the values that have changed: `outcome`, `start` or `end`. A change that describes a new call also has `seq`,
        `till`, `label`, `language`, `by` (who has pressed), `again` (whether the same customer is called once more) and
        `pressed` (the time of the press). Times are Unix times in milliseconds on Redis's clock.

        Nothing is checked here: if something else than cashier_q has written an entry, its content may be anything.
        """
        found = cast(list[tuple[bytes, dict[bytes, bytes]]], self._redis.xrange(KEY, count=count))
        return [(entry_id.decode(), _content(fields)) for entry_id, fields in found]

    def remove(self, entry_ids: Sequence[str]) -> None:
        """Remove these entries from Redis, because the database now contains them."""
        self._redis.xdel(KEY, *entry_ids)

    def length(self) -> int:
        """Return the number of entries in the history, at most about `MAX_ENTRIES`."""
        return self._redis.xlen(KEY)


def _content(fields: dict[bytes, bytes]) -> bytes:
    """Return the content of one entry. If the entry has neither of the two known fields, return all its fields."""
    return fields.get(b"changes") or fields.get(b"entry") or repr(fields).encode()
