"""Creates the ASGI application of ws, which passes websockets to `CashierConsumer` and HTTP requests to `health`."""

from collections.abc import Awaitable, Callable
from typing import Any

import django
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path

from cashier_core import env, fragment, timeline_reader
from cashier_ws import metrics
from cashier_ws.boards.hub import Hub
from cashier_ws.consumers import CashierConsumer
from cashier_ws.health import Send, health
from cashier_ws.settings import ENVIRONMENT

env.use_settings("cashier_ws.settings")
django.setup(set_prefix=False)
fragment.warm_up()


async def no_such_path(scope: dict[str, Any], receive: Any, send: Send) -> None:
    """Answer a websocket with an unknown path with close code 4404 and a reason.

    Without this route, each such websocket would cause a traceback in the log.
    """
    await receive()
    metrics.REFUSED.labels(4404).inc()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4404, "reason": "no such path"})


async def lifespan(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    """Start the hub when the server starts, and let it end when the server ends."""
    while (await receive())["type"] == "lifespan.startup":
        hub.start()
        await send({"type": "lifespan.startup.complete"})
    await hub.end()
    await send({"type": "lifespan.shutdown.complete"})


redis = timeline_reader.connect(ENVIRONMENT.redis_url)
hub = Hub(timeline_reader.TimelineReader(redis), redis, ENVIRONMENT.cashier_silence_seconds)
metrics.StoresCollector(hub.figures)
consumer: Any = CashierConsumer.as_asgi(hub=hub)
routes: list[Any] = [
    path("ws/cashier_q", consumer),
    path("ws/cashier_q/<slug:store>", consumer),
    re_path("", no_such_path),  # type: ignore[arg-type]  # URLRouter accepts ASGI applications, too.
]
application = ProtocolTypeRouter({"http": health, "websocket": URLRouter(routes), "lifespan": lifespan})
