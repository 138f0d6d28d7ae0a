"""The limiter: how often something may be tried, counted in Redis by all workers together."""

import math
import time

from limits import RateLimitItemPerSecond

from cashier_web.infra.redis_clients import the_limiter


def seconds_to_wait(what: str, who: str, *, most: int, seconds: int) -> int:
    """Count one more of `what` by `who`; 0 if it may be, or in how many seconds another may. Raises RedisError.

    One that may not be isn't counted, so that whoever goes on trying isn't kept out for ever.
    """
    limiter = the_limiter()
    limit = RateLimitItemPerSecond(most, seconds)
    if limiter.hit(limit, what, who):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(limit, what, who).reset_time - time.time()))
