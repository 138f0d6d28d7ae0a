"""The revocations: screens whose tickets are good no more, though they have not expired.

A set of their marks in Redis, which ws reads once a second. Web has them in its database and puts them there again
when Redis has lost its data.
"""

from collections.abc import Iterable
from typing import cast

from redis import Redis

KEY = "cashier:revoked"


class Revocations:
    """Writes the set. Every method raises redis.RedisError when Redis doesn't answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def add(self, marks: Iterable[str]) -> None:
        """Let these screens be put out within a second or two."""
        self._redis.sadd(KEY, *marks)

    def known(self) -> set[str]:
        """What is in it."""
        return {mark.decode() for mark in cast(set[bytes], self._redis.smembers(KEY))}

    def replace(self, known: set[str], marks: set[str]) -> bool:
        """Make it `marks`, where it was `known`: what came in between stays. Whether it was anything else."""
        with self._redis.pipeline(transaction=True) as pipeline:
            if gone := known - marks:
                pipeline.srem(KEY, *gone)
            if missing := marks - known:
                pipeline.sadd(KEY, *missing)
            pipeline.execute()
        return known != marks
