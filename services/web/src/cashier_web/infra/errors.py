"""Makes responses with a 4xx or 5xx status. Each response gives a reason, which the buttons page shows to a cashier."""

import json
import random
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from cashier_web.infra.disk_space import is_disk_full

API = "/api/"
"""A refused request whose path begins with this prefix is answered with JSON."""


class Refused(Exception):
    """A request was refused, and nothing was changed. With status 504, nobody knows whether something was changed.

    status: the HTTP status of the response. reason: the reason as text for people. retry_after: the number of seconds
    after which the same request may succeed; None if this number is not known.
    """

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


def refuse(status: int, reason: str, retry_after: int | None = None) -> HttpResponse:
    """Return a response that refuses a request. The response gives the reason for the refusal as plain text."""
    response = HttpResponse(f"{reason}\n", status=status, content_type="text/plain; charset=utf-8")
    add_never_cache_headers(response)  # The same request may succeed later.
    if retry_after:
        response["Retry-After"] = str(retry_after)
    return response


def refuse_in_format(request: HttpRequest, status: int, reason: str, retry_after: int | None = None) -> HttpResponse:
    """Return a response that gives the reason. A client of the API gets JSON, and any other client gets plain text.

    If a browser cannot load a page at the moment, the response makes the browser load the page again.
    """
    response = refuse(status, reason, retry_after)
    if request.path_info.startswith(API):
        response.content = json.dumps({"detail": reason})
        response["Content-Type"] = "application/json"
    elif (status >= 500 or status == 429) and request.method == "GET":
        # The browser loads the page again. Otherwise a television would show the error for ever, because nobody reloads
        # its page by hand. The delay is random, because many televisions may show the error at the same moment.
        response["Refresh"] = str(retry_after or random.randint(5, 15))
    return response


def refuse_page(request: HttpRequest, status: int, reason: str, retry_after: int | None = None) -> HttpResponse:
    """Return an HTML page that shows the reason and links to other pages, for a person who uses a browser."""
    response = render(request, "cashier_web/error.html", {"reason": reason}, status=status)
    if retry_after:
        response["Retry-After"] = str(retry_after)
    return response


View_ = TypeVar("View_", bound=Callable[..., HttpResponseBase])


def allow_methods(*methods: str) -> Callable[[View_], View_]:
    """Decorator for a view that accepts only the given HTTP methods. A request with another method is refused with 405.

    The response gives the reason. The response of Django's own decorators gives no reason.
    """

    def decorate(view: View_) -> View_:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method in methods:
                return view(request, *args, **kwargs)
            response = refuse(405, _("This address accepts only %(methods)s.") % {"methods": ", ".join(methods)})
            response["Allow"] = ", ".join(methods)
            return response

        return cast("View_", guarded)

    return decorate


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a POST that has no valid CSRF token. Django calls this function."""
    return refuse(403, _("This page is out of date. Reload it."))


def locked_out(request: HttpRequest, *attempt: Any) -> HttpResponse:
    """Answer a person who has entered too many wrong passwords at the sign-in. django-axes calls this function."""
    return too_many_passwords(request, int(settings.AXES_COOLOFF_TIME.total_seconds()))


def too_many_passwords(request: HttpRequest, seconds: int) -> HttpResponse:
    """Refuse a password with a page, because too many wrong passwords were entered. `seconds`: the time to wait."""
    reason = _("Too many wrong passwords. Try again in %(minutes)s minutes.") % {"minutes": -(-seconds // 60)}
    return refuse_page(request, 429, reason, seconds)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django cannot read, or whose Host header is not in ALLOWED_HOSTS.

    Django calls this function.
    """
    if isinstance(exception, DisallowedHost):
        return refuse_in_format(
            request, 400, _("This site does not answer to this name. Its operator can add the name to CASHIER_HOSTS.")
        )
    return refuse_in_format(request, 400, _("The server cannot read this request."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request with an unknown path, or whose view has raised Http404. Django calls this function."""
    if request.method == "POST" and not request.path_info.startswith(API):
        # A person has sent a form. The page with the form exists, but somebody may have deleted the object that the
        # form would change.
        return refuse(404, _("This no longer exists. Somebody may have just deleted it. Go back and reload the page."))
    return refuse_in_format(request, 404, _("There is no such page or store."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a request that has raised an unexpected exception. Django calls this function and logs the traceback."""
    if is_disk_full(sys.exception()):
        # For example, Django could not write an upload into a temporary file.
        return refuse_in_format(request, 507, _("The server has no disk space. Nothing was changed."))
    return refuse_in_format(request, 500, _("Something went wrong here."))
