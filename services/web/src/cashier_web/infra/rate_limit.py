"""Limits how often something may be done. The attempts of all workers are counted together, in Redis."""

import math
import time

from limits import RateLimitItemPerSecond

from cashier_web.infra.redis_clients import the_limiter


def seconds_until_allowed(action: str, actor: str, *, most: int, seconds: int) -> int:
    """Count one more `action` of `actor`, who may do `most` of them in so many seconds. Raises RedisError.

    Returns 0 if the action is allowed, else the seconds until the next one is. An action that is not allowed is not
    counted, so that an actor who keeps trying is not locked out for ever.
    """
    limiter = the_limiter()
    limit = RateLimitItemPerSecond(most, seconds)
    if limiter.hit(limit, action, actor):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(limit, action, actor).reset_time - time.time()))
