"""Health checks and metrics, for Docker, Prometheus and load balancers.

From outside, Nginx lets only /healthz through.
"""

from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from cashier_web.infra import metrics
from cashier_web.infra.redis_clients import the_history, the_timeline

GetResponse = Callable[[HttpRequest], HttpResponse]


def text_response(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def healthz() -> HttpResponse:
    """200: this worker answers requests."""
    return text_response(200, "ok")


def readyz() -> HttpResponse:
    """200 if a press would succeed. 503 names the service that does not answer."""
    missing = []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        missing.append("the database")
    try:
        the_timeline().ping()
    except RedisError:
        missing.append("Redis")
    if missing:
        return text_response(503, f"no answer from {' and '.join(missing)}")
    return text_response(200, "ready")


def metrics_response() -> HttpResponse:
    """All metrics, in the text format of Prometheus."""
    try:
        unrecorded = the_history().length()
    except RedisError:
        unrecorded = None
    return HttpResponse(metrics.render_metrics(unrecorded), content_type=CONTENT_TYPE_LATEST)


RESPONSES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_response}


def health_checks(get_response: GetResponse) -> GetResponse:
    """Middleware that answers the paths above.

    This must be the first middleware: a health check of a container does not know the site's name, so its Host header
    is not in CASHIER_HOSTS.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        respond = RESPONSES.get(request.path_info)
        return respond() if respond else get_response(request)

    return middleware
