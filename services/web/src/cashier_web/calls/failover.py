"""Repeats the steps of a press while the Sentinels choose another primary."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from cashier_core.redis_address import is_sentinel_address
from cashier_core.timeline import Unanswered, has_no_replicas
from cashier_web.calls.client_gone import is_client_gone

T = TypeVar("T")
REPEAT_SECONDS = 3.0
"""For how long the steps of one request are repeated, all together.

A person waits for the answer, and each waiting request occupies a thread. Nginx waits for 4 s."""
PAUSE_SECONDS = 0.1
"""The time between two attempts. Without a pause, all waiting requests together would occupy the Sentinels.

Redis does not tell a client that there is a new primary. The client only finds out by trying."""
UNTIL = "repeated_until"
"""The attribute of a request with the time at which its steps are no longer repeated."""


def repeat_during_failover(step: Callable[[], T], request: HttpRequest) -> T:
    """Return what `step` returns. Calls `step` again while Redis cannot be reached, if there are several servers.

    step: reads from Redis, or makes a change that has no further effect if it is made again.

    Raises the exception of the last attempt. If nobody knows whether one of the attempts has made the change, raises
    Unanswered.
    """
    until = request.__dict__.setdefault(UNTIL, time.monotonic() + REPEAT_SECONDS)
    unanswered: Unanswered | None = None
    while True:
        try:
            return step()
        except RedisError as fault:
            unanswered = fault if isinstance(fault, Unanswered) else unanswered
            is_over = time.monotonic() + PAUSE_SECONDS > until or is_client_gone(request)
            if is_over or not (_has_sentinels() and _may_pass(fault)):
                raise unanswered or fault from None
        except Exception:
            # For example, the till was removed after the attempt that may have made the call.
            if unanswered:
                raise unanswered from None
            raise
        time.sleep(PAUSE_SECONDS)


def _has_sentinels() -> bool:
    return is_sentinel_address(settings.ENVIRONMENT.redis_url)


def _may_pass(fault: RedisError) -> bool:
    """Return whether another primary may accept the change."""
    return isinstance(fault, (Unanswered, RedisConnectionError, RedisTimeoutError)) or has_no_replicas(fault)
