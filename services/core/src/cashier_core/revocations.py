"""The set of revoked screens in Redis: their tickets are no longer accepted, even if they have not expired.

ws reads the set once a second. Web has the same information in its database, and writes the set again after Redis has
lost its data.
"""

from collections.abc import Iterable
from typing import cast

from redis import Redis

KEY = "cashier:revoked"
"""A Redis set of credential ids."""


class Revocations:
    """Writes the set. Every method raises redis.RedisError if Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def add(self, credential_ids: Iterable[str]) -> None:
        """Revoke these screens. ws closes their connections within a second or two."""
        self._redis.sadd(KEY, *credential_ids)

    def known(self) -> set[str]:
        """The credential ids in the set."""
        return {each.decode() for each in cast(set[bytes], self._redis.smembers(KEY))}

    def replace(self, known: set[str], credential_ids: set[str]) -> bool:
        """Replace the content `known` by `credential_ids`. Returns whether the two differ.

        Only the differences are written, so that ids that another process has added since `known` was read stay.
        """
        with self._redis.pipeline(transaction=True) as pipeline:
            if removed := known - credential_ids:
                pipeline.srem(KEY, *removed)
            if missing := credential_ids - known:
                pipeline.sadd(KEY, *missing)
            pipeline.execute()
        return known != credential_ids
