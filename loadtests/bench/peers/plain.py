"""A peer of the benchmark: a plain consumer, as the documentation of Channels shows it.

Unlike most such consumers, it renders the fragment of each till only once, and is therefore a little more efficient.
"""

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
    """Return the fragment for a screen. till: the number that the fragment shows, or 0 for "please wait"."""
    return fragment.render(fragment.context(Idle("en"), till=till))


class PlainConsumer(AsyncWebsocketConsumer):
    """The consumer of one screen. It joins the group of its store, and sends each event of the group to the screen."""

    async def connect(self) -> None:
        self.group = self.scope["url_route"]["kwargs"]["slug"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        await self.send(fragment_html(0))

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def cashier_message(self, event: dict[str, Any]) -> None:
        await self.send(fragment_html(event["till"]))


@require_POST
def press(request: HttpRequest, slug: str) -> HttpResponse:
    """Send the number to the group of the store. This simple view has no queue and never removes the number."""
    till = int(request.POST["cashier"])
    async_to_sync(layer.group_send)(slug, {"type": "cashier.message", "till": till})
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
