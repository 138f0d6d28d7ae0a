"""The clients with which web uses Redis. All clients of a worker process share one pool of connections.

The pool and the clients are created when they are used for the first time.
"""

from functools import cache

from django.conf import settings
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from redis import Redis

from cashier_core import timeline
from cashier_core.history import History
from cashier_core.proof_stream import ProofReader
from cashier_core.redis_address import is_sentinel_address
from cashier_core.revocations import Revocations
from cashier_core.timeline import Timeline


@cache
def the_redis() -> Redis:
    """Return the client of the library redis-py.

    Its timeouts are short, because a cashier waits for the answer to a press.
    """
    return timeline.connect(settings.ENVIRONMENT.redis_url)


@cache
def the_timeline() -> Timeline:
    """Return the timeline. If there are several Redis servers, a replica must have a call before it counts as made."""
    return Timeline(the_redis(), copies=int(is_sentinel_address(settings.ENVIRONMENT.redis_url)))


@cache
def the_history() -> History:
    return History(the_redis())


@cache
def the_proof_reader() -> ProofReader:
    return ProofReader(the_redis())


@cache
def the_revocations() -> Revocations:
    return Revocations(the_redis())


@cache
def the_limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(_limits_in_redis())


@cache
def the_guess_counter() -> FixedWindowRateLimiter:
    return FixedWindowRateLimiter(_limits_in_redis())


def _limits_in_redis() -> RedisStorage:
    return RedisStorage("redis://", connection_pool=the_redis().connection_pool, key_prefix="cashier:limit")


def forget_clients() -> None:
    """Forget all clients, so that they are created again on their next use.

    Only tests use this function, because they change the address of Redis.
    """
    for client in (
        the_redis,
        the_timeline,
        the_history,
        the_proof_reader,
        the_revocations,
        the_limiter,
        the_guess_counter,
    ):
        client.cache_clear()
