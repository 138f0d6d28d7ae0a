"""Middleware that logs refused requests, counts refused presses, and measures how long presses take."""

import json
import logging
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, reset_contextvars

from cashier_web.infra import metrics
from cashier_web.infra.request_info import request_id

OUTCOMES = {408: "given up", 429: "full", 500: "failed", 503: "unreachable"}
"""Maps the HTTP status of a refused press to the outcome under which the metric `cashier_presses` counts the press. If
a status is not in this dict, the outcome is "refused"."""

PRESSES = {("POST", "press"), ("POST", "calls"), ("POST", "button"), ("GET", "button")}
"""The HTTP method and the URL name of each kind of request that is a press. The pages with buttons use "press", most
devices use "calls", and devices that can only open an address use "button"."""

log = logging.getLogger(__name__)


class RequestLog:
    """Middleware that logs each refused request, and adds `request_id` to all log lines about a request.

    All code that may refuse a request runs inside this middleware.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # structlog's `bound_contextvars` would do the same as `bind_contextvars` and `reset_contextvars`, but it takes
        # 3 us per request instead of 1 us.
        tokens = bind_contextvars(request_id=request_id(request))
        try:
            return self._log_and_count(request)
        finally:
            reset_contextvars(**tokens)

    def _log_and_count(self, request: HttpRequest) -> HttpResponse:
        arrived = time.monotonic()
        response = self._get_response(request)
        # `match` is the URL pattern that fits the path. `match` is None if the path is unknown, or if a middleware
        # refused the request before Django read the path.
        match = request.resolver_match
        is_press = match is not None and (request.method, match.url_name) in PRESSES
        if is_press:
            metrics.PRESS_SECONDS.observe(time.monotonic() - arrived)
        if response.status_code >= 400:
            if is_press:
                metrics.PRESSES.labels(OUTCOMES.get(response.status_code, "refused")).inc()
            log_refusal(request, response)
        return response


def log_refusal(request: HttpRequest, response: HttpResponse) -> None:
    """Write one log line about a response with a 4xx or 5xx status."""
    log.info(
        "refused",
        extra={
            "method": request.method,
            # Only the beginning of an invitation's path is logged. A person who knows the whole path could choose the
            # password of the invited person.
            "path": "/welcome/" if request.path_info.startswith("/welcome/") else request.path_info,
            "status": response.status_code,
            "reason": reason_of(response),
        },
    )


def reason_of(response: HttpResponse) -> str:
    """Return the reason that the response to a refused request gives to the client.

    An HTML page contains more than the reason. For a page, return the name of its HTTP status, such as "Not Found".
    """
    content_type = response.headers.get("Content-Type", "")
    if content_type.startswith("text/plain"):
        return response.content.decode().strip()
    if content_type.startswith("application/json"):
        return str(json.loads(response.content)["detail"])
    return response.reason_phrase
