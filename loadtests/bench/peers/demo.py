"""The demo that cashier_q grew out of (rtrjl/demo_htmx_websockets), built anew after its description.

One Daphne serves everything; a thread of it takes the number down; all screens are one group, each has a synchronous
consumer behind the authentication's middleware, and renders for itself. Nothing is sent to a screen that connects.
"""

import threading
from typing import Any

from asgiref.sync import async_to_sync
from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import WebsocketConsumer
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
GROUP = "screens"
HOLD_SECONDS = 3.0
timers = [threading.Timer(HOLD_SECONDS, lambda: None)]
"""The one of the last press, for everybody."""


class DemoConsumer(WebsocketConsumer):
    """A screen, in a thread's time."""

    def connect(self) -> None:
        async_to_sync(self.channel_layer.group_add)(GROUP, self.channel_name)
        self.accept()

    def disconnect(self, code: int) -> None:
        async_to_sync(self.channel_layer.group_discard)(GROUP, self.channel_name)

    def cashier_message(self, event: dict[str, Any]) -> None:
        self.send(fragment.render(fragment.context(Idle("en"), till=event["num_cashier"])))


def tell(number: int) -> None:
    """Every screen."""
    async_to_sync(layer.group_send)(GROUP, {"type": "cashier.message", "num_cashier": number})


@require_POST
def press(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows the number, and takes it down later unless another comes before."""
    tell(int(request.POST["cashier"]))
    timers.pop().cancel()
    timers.append(threading.Timer(HOLD_SECONDS, tell, [0]))
    timers[0].start()
    return HttpResponse(status=204)


urlpatterns = [*pages.urlpatterns, path("s/<slug:slug>/cashier_action", press)]
consumer: Any = DemoConsumer.as_asgi()
socket: Any = path("ws/cashier_q/<slug:slug>", consumer)
application: Any = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": AuthMiddlewareStack(URLRouter([socket])),
    }
)
