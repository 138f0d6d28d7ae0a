"""The probes: what Docker, Prometheus and a load balancer ask. Nginx lets only /healthz through from outside."""

from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from cashier_web.infra import metrics
from cashier_web.infra.redis_clients import the_history, the_timeline

GetResponse = Callable[[HttpRequest], HttpResponse]


def say(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def healthz() -> HttpResponse:
    """200: this worker answers."""
    return say(200, "ok")


def readyz() -> HttpResponse:
    """200 if a press would succeed; 503 names what doesn't answer."""
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
    return say(503, f"no answer from {' and '.join(missing)}") if missing else say(200, "ready")


def figures() -> HttpResponse:
    """All metrics, for Prometheus."""
    try:
        waiting = the_history().length()
    except RedisError:
        waiting = None
    return HttpResponse(metrics.text(waiting), content_type=CONTENT_TYPE_LATEST)


PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": figures}


def probes(get_response: GetResponse) -> GetResponse:
    """Middleware, the first of all: whoever probes this container doesn't know the site's name (CASHIER_HOSTS)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        return probe() if probe else get_response(request)

    return middleware
