"""Answers the HTTP requests to ws.

Docker and Nginx ask for its health, and Prometheus asks for its metrics. An Nginx that is being stopped asks the
replica to close the screens that are connected through this Nginx.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Health:
    """The ASGI application for HTTP.

    `/healthz` is answered with 200, or with 503 while the replica drains. `/metrics` is answered with the metrics.
    After POST `/close-screens`, the replica closes all screens that are connected through the proxy that has sent the
    request, and no others. So the request needs no password. Any other path is answered with 404.

    close_screens: closes the screens of a proxy with this IP address, and returns their number. It is None on another
    ASGI server than Daphne.
    """

    draining = False
    close_screens: Callable[[str], int] | None = None

    async def __call__(self, scope: dict[str, Any], receive: object, send: Send) -> None:
        content_type = "text/plain; charset=utf-8"
        if scope["path"] == "/metrics":
            status, body, content_type = 200, generate_latest(), CONTENT_TYPE_LATEST
        elif scope["path"] == "/close-screens" and scope["method"] == "POST" and self.close_screens:
            status, body = 200, b"%d screens are closed\n" % self.close_screens(scope["client"][0])
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
