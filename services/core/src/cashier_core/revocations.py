"""The set of revoked credentials in Redis. ws refuses the tickets of these credentials even if they have not expired.

ws reads the set once a second. web has the same information in its database, and writes the set again after Redis has
lost its data.
"""

from collections.abc import Iterable
from typing import cast

from redis import Redis

KEY = "cashier:revoked"
"""The key of the Redis set that contains the credential_ids of the revoked screens."""


class Revocations:
    """Reads and writes the Redis set of revoked credentials. All methods raise RedisError if Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def add(self, credential_ids: Iterable[str]) -> None:
        """Revoke the screens with these credential_ids. ws closes their websockets within about two seconds."""
        self._redis.sadd(KEY, *credential_ids)

    def known(self) -> set[str]:
        """Return the credential_ids that the Redis set of revoked credentials contains."""
        return {each.decode() for each in cast(set[bytes], self._redis.smembers(KEY))}

    def replace(self, known: set[str], credential_ids: set[str]) -> bool:
        """Change the revoked credential_ids in Redis to `credential_ids`.

        Returns whether `known` and `credential_ids` differ.

        known: the revoked credential_ids that were read from Redis before.
        Only the differences between `known` and `credential_ids` are written to Redis. Therefore ids that another
        process has added since `known` was read are not lost.
        """
        with self._redis.pipeline(transaction=True) as pipeline:
            if removed := known - credential_ids:
                pipeline.srem(KEY, *removed)
            if missing := credential_ids - known:
                pipeline.sadd(KEY, *missing)
            pipeline.execute()
        return known != credential_ids
