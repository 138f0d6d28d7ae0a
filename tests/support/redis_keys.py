"""Reads the keys of Redis that presses, announcements and other actions have created."""

from redis import Redis

COPIES = (b"cashier:session:", b"cashier:access:")


def changed_keys(redis: Redis) -> list[bytes]:
    """Return the keys in Redis, without the sessions and without the copies of rows of the database."""
    return [key for key in redis.scan_iter() if not key.startswith(COPIES)]
