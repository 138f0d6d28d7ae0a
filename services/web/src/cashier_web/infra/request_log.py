"""The journal: a log line and a count for every request that was refused, and for every press how long it took."""

import json
import logging
import time
from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from cashier_web.infra import metrics
from cashier_web.infra.errors import refuse, refuse_as_asked, refuse_page

OUTCOMES = {408: "given up", 429: "full", 500: "failed", 503: "unreachable"}
"""What a refused press is counted as; "refused" for any other status."""

PRESSES = {("POST", "press"), ("POST", "calls"), ("POST", "button"), ("GET", "button")}
"""Method and name of the address of what is a press: a page's, the API's and that of a device's own address."""

log = logging.getLogger(__name__)


def request_id(request: HttpRequest) -> str:
    """The word that Nginx gives each request, in its access log too; "" without Nginx."""
    return request.headers.get("X-Request-ID", "")


def address(request: HttpRequest) -> str:
    """Whoever asks, as Nginx says; it overwrites what a client sends under that name."""
    return request.headers.get("X-Forwarded-For") or request.META.get("REMOTE_ADDR", "")


class Journal:
    """Middleware around all that may refuse."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        arrived = time.monotonic()
        response = self._get_response(request)
        asked = request.resolver_match  # None if it was refused before anybody looked where it leads
        is_press = asked is not None and (request.method, asked.url_name) in PRESSES
        if is_press:
            metrics.PRESS_SECONDS.observe(time.monotonic() - arrived)
        if response.status_code >= 400:
            if is_press:
                metrics.PRESSES.labels(OUTCOMES.get(response.status_code, "refused")).inc()
            tell(request, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """What is no fault of ours: 403 with the reason, and 503 for a database that is away, without a traceback."""
        if isinstance(exception, PermissionDenied):
            reason = str(exception) or _("You can't do this.")
            return refuse_page(request, 403, reason) if request.method == "GET" else refuse(403, reason)
        if not isinstance(exception, (OperationalError, InterfaceError)):
            return None
        metrics.DATABASE_ERRORS.inc()
        log.warning("the database does not answer: %s", " ".join(str(exception).split()))
        return refuse_as_asked(request, 503, _("Nothing was done: the stores can't be read just now."))


def tell(request: HttpRequest, response: HttpResponse) -> None:
    """One line for a refusal."""
    log.info(
        "refused",
        extra={
            "method": request.method,
            # Without what an invitation's link has that nobody else may know.
            "path": "/welcome/" if request.path_info.startswith("/welcome/") else request.path_info,
            "status": response.status_code,
            "reason": reason_of(response),
            "request_id": request_id(request),
        },
    )


def reason_of(response: HttpResponse) -> str:
    """What it told the one who asked, or what its status is called."""
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/plain"):
        return response.content.decode().strip()
    return (
        str(json.loads(response.content)["detail"]) if kind.startswith("application/json") else response.reason_phrase
    )
