"""What a view does when Redis does not answer: count the request as failed, and refuse it with a reason.

A RedisError that no view handles is refused by the middleware in `expected_errors`, with the default reason.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from cashier_web.infra import metrics
from cashier_web.infra.errors import Refused


def redis_unavailable(reason: str = "") -> Refused:
    """Count a request that failed because Redis did not answer. Returns the refusal (503) for the view to raise."""
    metrics.REDIS_ERRORS.inc()
    return Refused(503, reason or _("The screens cannot be reached at the moment."))


@contextmanager
def refuse_without_redis(reason: str) -> Iterator[None]:
    """Raise Refused with this reason if Redis does not answer within the block."""
    try:
        yield
    except RedisError:
        raise redis_unavailable(reason) from None


@contextmanager
def message_without_redis(request: HttpRequest) -> Iterator[None]:
    """Leave the block if Redis does not answer, with a message for the page to which the view then redirects.

    For views that change something within a transaction inside the block, so that nothing was changed.
    """
    try:
        yield
    except RedisError:
        redis_unavailable()
        messages.error(request, nothing_changed())


def nothing_changed() -> str:
    """The reason why a change was not saved: the screens could not be told about the change."""
    return _("Nothing was changed, because the screens cannot be reached at the moment.")
