"""Helps a view to refuse a request if Redis does not answer. Counts such a request in a metric.

If a view does not handle a RedisError, the middleware in `expected_errors` refuses the request with a default reason.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from redis.exceptions import RedisError, ResponseError

from cashier_web.infra import metrics
from cashier_web.infra.errors import Refused

log = logging.getLogger(__name__)


def redis_unavailable(reason: str = "", fault: RedisError | None = None) -> Refused:
    """Count a request that failed because Redis did not answer, or refused to change anything.

    fault: the error of Redis. It is logged, because Redis may need help: its memory or its disk may be full.
    Returns an exception with status 503. A view refuses the request by raising this exception.
    """
    metrics.REDIS_ERRORS.inc()
    if isinstance(fault, ResponseError):
        log.error("Redis refuses a command: %s", fault)
    return Refused(503, reason or _("The screens cannot be reached at the moment."))


def redis_unanswered(reason: str) -> Refused:
    """Count a request that Redis may have executed although no answer came.

    Returns an exception with status 504, so that clients can distinguish such a request from a request that has changed
    nothing (503). A view answers the request by raising this exception.
    """
    metrics.REDIS_ERRORS.inc()
    return Refused(504, reason)


@contextmanager
def refuse_without_redis(reason: str) -> Iterator[None]:
    """Context manager for a block of code that uses Redis. Raises Refused with `reason` if Redis does not answer."""
    try:
        yield
    except RedisError as fault:
        raise redis_unavailable(reason, fault) from None


@contextmanager
def message_without_redis(request: HttpRequest) -> Iterator[None]:
    """Context manager for a block of code that uses Redis and saves its changes in one transaction.

    If Redis does not answer, the transaction is rolled back, and the next page shows the message that nothing was
    changed. No exception is raised, so the view continues after the block and redirects the browser to the next page.
    """
    try:
        yield
    except RedisError as fault:
        redis_unavailable(fault=fault)
        messages.error(request, nothing_changed())


def nothing_changed() -> str:
    """Return the message to a user that nothing was changed, because the screens cannot be reached."""
    return _("Nothing was changed, because the screens cannot be reached at the moment.")
