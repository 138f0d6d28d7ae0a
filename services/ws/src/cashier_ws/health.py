"""Answers the HTTP requests to ws: Docker and Nginx ask for its health, and Prometheus asks for its metrics."""

from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Health:
    """The ASGI application for HTTP.

    `/healthz` is answered with 200, or with 503 while the replica drains. `/metrics` is answered with the metrics.
    Any other path is answered with 404.
    """

    draining = False

    async def __call__(self, scope: dict[str, Any], receive: object, send: Send) -> None:
        content_type = "text/plain; charset=utf-8"
        if scope["path"] == "/metrics":
            status, body, content_type = 200, generate_latest(), CONTENT_TYPE_LATEST
        elif scope["path"] != "/healthz":
            status, body = 404, b"This service speaks websocket only.\n"
        elif self.draining:
            status, body = 503, b"draining\n"
        else:
            status, body = 200, b"ok\n"
        headers = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


health = Health()
