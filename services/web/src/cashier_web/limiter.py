"""The limiter: how often something may be tried, counted in Redis by all workers together."""

import math
import time
from functools import cache

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from cashier_core import timeline


@cache
def limiter_at(redis_url: str) -> MovingWindowRateLimiter:
    """One per worker process, as impatient with Redis as a press is."""
    pool = timeline.connect(redis_url).connection_pool
    return MovingWindowRateLimiter(RedisStorage("redis://", connection_pool=pool, key_prefix="cashier:limit"))


def seconds_to_wait(what: str, who: str, *, most: int, seconds: int) -> int:
    """Count one more of `what` by `who`; 0 if it may be, or in how many seconds another may. Raises RedisError.

    One that may not be isn't counted, so that whoever goes on trying isn't kept out for ever.
    """
    limiter = limiter_at(settings.ENVIRONMENT.redis_url)
    limit = RateLimitItemPerSecond(most, seconds)
    if limiter.hit(limit, what, who):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(limit, what, who).reset_time - time.time()))
