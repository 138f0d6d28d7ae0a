"""Answers health checks of Docker and of load balancers, and gives Prometheus the metrics.

Of the paths /healthz, /readyz and /metrics, Nginx publishes only /healthz.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from cashier_web.infra import metrics
from cashier_web.infra.redis_clients import the_redis

GetResponse = Callable[[HttpRequest], HttpResponse]

READY_KEY = "cashier:ready"
READY_KEY_SECONDS = 60


def text_response(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def healthz() -> HttpResponse:
    """Answer with 200, to prove that this worker process answers requests."""
    return text_response(200, "ok")


def readyz() -> HttpResponse:
    """Answer with 200 if a press would succeed, that is, if web can write into Redis; otherwise with 503.

    Redis answers a ping even if its memory is full or if its disk does not work, so only a write shows that a press
    would succeed. A press does not need the database.
    """
    try:
        the_redis().set(READY_KEY, 1, ex=READY_KEY_SECONDS)
    except RedisError:
        return text_response(503, "a press would fail: Redis cannot be used")
    return text_response(200, "ready")


def metrics_response() -> HttpResponse:
    """Return all metrics of this service in Prometheus's text format."""
    return HttpResponse(metrics.render_metrics(), content_type=CONTENT_TYPE_LATEST)


RESPONSES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_response}


def health_checks(get_response: GetResponse) -> GetResponse:
    """Middleware that answers requests to /healthz, /readyz and /metrics.

    It must be the first middleware. The health check of a container does not know the site's name, so its Host header
    is not in CASHIER_HOSTS, and Django would refuse the request.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        respond = RESPONSES.get(request.path_info)
        return respond() if respond else get_response(request)

    return middleware
