"""Responses with a 4xx or 5xx status. Each gives its reason as one line of text, which the buttons page shows."""

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
"""Paths that begin with this are answered with JSON."""


class Refused(Exception):
    """A request was refused, and nothing was changed.

    status: the HTTP status of the response. reason: the text for people. retry_after: seconds after which the same
    request may succeed, or None.
    """

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


def refuse(status: int, reason: str, retry_after: int | None = None) -> HttpResponse:
    """A response that gives the reason as plain text."""
    response = HttpResponse(f"{reason}\n", status=status, content_type="text/plain; charset=utf-8")
    if retry_after:
        response["Retry-After"] = str(retry_after)
    return response


def refuse_in_format(request: HttpRequest, status: int, reason: str, retry_after: int | None = None) -> HttpResponse:
    """A response that gives the reason as JSON to a client of the API, and as plain text to anybody else.

    A browser loads a page again by itself if the server is at fault.
    """
    response = refuse(status, reason, retry_after)
    if request.path_info.startswith(API):
        response.content = json.dumps({"detail": reason})
        response["Content-Type"] = "application/json"
    elif status >= 500 and request.method == "GET":
        response["Refresh"] = "5"  # nobody stands at a television to reload its page
    return response


def refuse_page(request: HttpRequest, status: int, reason: str) -> HttpResponse:
    """A page with the reason and with links, for a person who followed a link."""
    return render(request, "cashier_web/error.html", {"reason": reason}, status=status)


View = Callable[..., HttpResponse]


def allow_methods(*methods: str) -> Callable[[View], View]:
    """Decorator: refuse every other HTTP method with 405. Unlike Django's own decorators, this gives a reason."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method in methods:
                return view(request, *args, **kwargs)
            response = refuse(405, _("This address accepts only %(methods)s.") % {"methods": ", ".join(methods)})
            response["Allow"] = ", ".join(methods)
            return response

        return guarded

    return decorate


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django calls this for a POST without a valid CSRF token."""
    return refuse(403, _("This page is out of date. Reload it."))


def locked_out(request: HttpRequest, *attempt: Any) -> HttpResponse:
    """django-axes calls this after too many wrong passwords."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    reason = _("Too many wrong passwords. Try again in %(minutes)s minutes.") % {"minutes": seconds // 60}
    response = refuse_page(request, 429, reason)
    response["Retry-After"] = str(seconds)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django calls this for a request that it can't read, or whose Host header is not in ALLOWED_HOSTS."""
    if isinstance(exception, DisallowedHost):
        return refuse_in_format(
            request, 400, _("This site does not answer to this name. Its operator can add the name to CASHIER_HOSTS.")
        )
    return refuse_in_format(request, 400, _("The server cannot read this request."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django calls this for Http404 and for an unknown path."""
    return refuse_in_format(request, 404, _("There is no such page or store."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls this for an exception that nothing handled. Django also logs the traceback."""
    return refuse_in_format(request, 500, _("Something went wrong here."))
