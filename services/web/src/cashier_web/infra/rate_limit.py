"""Limits how often somebody may do something. Redis counts the attempts for all worker processes together."""

import math
import time

from limits import RateLimitItemPerSecond

from cashier_web.infra.redis_clients import the_limiter


def seconds_until_allowed(action: str, actor: str, *, most: int, seconds: int) -> int:
    """Return 0 if the actor may do the action now, otherwise the number of seconds until the actor may try again.

    An actor, for example a person or a device, may do the action at most `most` times in `seconds` seconds. Only
    allowed actions are counted, so that an actor who tries again and again is not locked out for ever. Raises
    RedisError if Redis does not answer.
    """
    limiter = the_limiter()
    limit = RateLimitItemPerSecond(most, seconds)
    if limiter.hit(limit, action, actor):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(limit, action, actor).reset_time - time.time()))
