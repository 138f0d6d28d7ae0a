"""The refusals: every 4xx and 5xx as one line of text that the buttons page shows to the cashier."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

API = "/api/"
"""Below this address answers are JSON."""


class Refused(Exception):
    """Nothing was changed: HTTP status, the reason for people, and in how many seconds the same may succeed."""

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


def refuse(status: int, reason: str, retry_after: int | None = None) -> HttpResponse:
    """An answer that changes nothing and says why."""
    answer = HttpResponse(f"{reason}\n", status=status, content_type="text/plain; charset=utf-8")
    if retry_after:
        answer["Retry-After"] = str(retry_after)
    return answer


def refuse_as_asked(request: HttpRequest, status: int, reason: str, retry_after: int | None = None) -> HttpResponse:
    """The same: as JSON for whoever asked the API, and for a page so that it is loaded again if it's our fault."""
    answer = refuse(status, reason, retry_after)
    if request.path_info.startswith(API):
        answer.content = json.dumps({"detail": reason})
        answer["Content-Type"] = "application/json"
    elif status >= 500 and request.method == "GET":
        answer["Refresh"] = "5"  # on a television nobody is there to reload it
    return answer


def refuse_page(request: HttpRequest, status: int, reason: str) -> HttpResponse:
    """The same for somebody who came by a link: a page from which there is a way on."""
    return render(request, "cashier_web/refused.html", {"reason": reason}, status=status)


View = Callable[..., HttpResponse]


def only(*methods: str) -> Callable[[View], View]:
    """Refuse every other method with 405; unlike Django's own decorators, with a reason."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method in methods:
                return view(request, *args, **kwargs)
            answer = refuse(405, _("This address takes only %(methods)s.") % {"methods": ", ".join(methods)})
            answer["Allow"] = ", ".join(methods)
            return answer

        return guarded

    return decorate


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's hook for a POST without a valid CSRF token."""
    return refuse(403, _("This page is too old: reload it."))


def locked_out(request: HttpRequest, *of_the_attempt: Any) -> HttpResponse:
    """django-axes's hook for too many wrong passwords."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    reason = _("Too many wrong passwords: try again in %(minutes)s minutes.") % {"minutes": seconds // 60}
    answer = refuse_page(request, 429, reason)
    answer["Retry-After"] = str(seconds)
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's hook for a request that it can't read, or whose Host it doesn't know."""
    if isinstance(exception, DisallowedHost):
        return refuse_as_asked(
            request, 400, _("This site does not go by this name: its operator can add it to CASHIER_HOSTS.")
        )
    return refuse_as_asked(request, 400, _("The request can't be read."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's hook for an address that leads nowhere."""
    return refuse_as_asked(request, 404, _("There is no such page or store."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's hook for a fault of ours; the log has the traceback."""
    return refuse_as_asked(request, 500, _("Something went wrong here."))
