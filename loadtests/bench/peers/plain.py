"""A plain consumer as in the documentation of Channels, written well: each text is rendered only once."""

from functools import cache
from typing import Any

from asgiref.sync import async_to_sync
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

from cashier_core import fragment
from cashier_core.idle import Idle
from loadtests.bench.peers import pages

layer: Any = get_channel_layer()


@cache
def fragment_html(till: int) -> str:
    """Return what a screen shows. till: 0 for "please wait"."""
    return fragment.render(fragment.context(Idle("en"), till=till))


class PlainConsumer(AsyncWebsocketConsumer):
    """A screen. It joins the group of its store and forwards each message."""

    async def connect(self) -> None:
        self.group = self.scope["url_route"]["kwargs"]["slug"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        await self.send(fragment_html(0))

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def cashier_message(self, event: dict[str, Any]) -> None:
        await self.send(fragment_html(event["num_cashier"]))


@require_POST
def press(request: HttpRequest, slug: str) -> HttpResponse:
    """Send the number to the store's group: the naive view, without scheduling or a reset."""
    till = int(request.POST["cashier"])
    async_to_sync(layer.group_send)(slug, {"type": "cashier.message", "num_cashier": till})
    return HttpResponse(status=204)


urlpatterns = [*pages.urlpatterns, path("s/<slug:slug>/cashier_action", press)]
consumer: Any = PlainConsumer.as_asgi()
socket: Any = path("ws/cashier_q/<slug:slug>", consumer)
application: Any = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter([socket]),
    }
)
