"""Middleware that answers errors which are not bugs of cashier_q.

The response gives the reason of the error, and no traceback is logged.
"""

import logging
from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from cashier_web.infra import metrics
from cashier_web.infra.errors import Refused, refuse, refuse_in_format, refuse_page
from cashier_web.infra.media_storage import UNAVAILABLE, MediaUnavailable
from cashier_web.infra.redis_unavailable import redis_unavailable

log = logging.getLogger(__name__)


class ExpectedErrors:
    """Answers a request that fails for an expected reason.

    The expected reasons are a refused request, a missing permission, and a database, an object store or Redis that does
    not answer.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the response to an exception that a view has raised, as `answer_expected` does."""
        return answer_expected(request, exception)


def answer_expected(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """Return the response to an exception.

    Returns None for an unexpected exception. Such an exception is a bug, and Django answers it with 500.
    """
    if isinstance(exception, PermissionDenied):
        reason = str(exception) or _("You are not allowed to do this.")
        return refuse_page(request, 403, reason) if request.method == "GET" else refuse(403, reason)
    if isinstance(exception, RedisError):
        exception = redis_unavailable(fault=exception)
    elif isinstance(exception, (OperationalError, InterfaceError)):
        metrics.DATABASE_ERRORS.inc()
        log.warning("the database does not answer: %s", " ".join(str(exception).split()))
        exception = Refused(503, _("Nothing was changed, because the database cannot be reached at the moment."))
    elif isinstance(exception, MediaUnavailable):
        log.warning("the object store does not answer: %s", exception)
        exception = Refused(503, str(UNAVAILABLE))
    if isinstance(exception, Refused):
        return refuse_in_format(request, exception.status, exception.reason, exception.retry_after)
    return None
