"""A peer of the benchmark: a copy of the demo from which cashier_q was developed.

The demo is the project rtrjl/demo_htmx_websockets, and this copy is made from its description. One Daphne process
serves everything, and a timer in this process removes the number. All screens of all stores are in one group. Each
screen has a synchronous consumer behind the authentication middleware, and renders its own copy of the fragment. A new
screen receives nothing until the next call.
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
"""A list with one item, which is the timer of the last press. The timer removes the number from all screens."""


class DemoConsumer(WebsocketConsumer):
    """The consumer of one screen. Because it is synchronous, Channels runs its methods in a thread."""

    def connect(self) -> None:
        async_to_sync(self.channel_layer.group_add)(GROUP, self.channel_name)
        self.accept()

    def disconnect(self, code: int) -> None:
        async_to_sync(self.channel_layer.group_discard)(GROUP, self.channel_name)

    def cashier_message(self, event: dict[str, Any]) -> None:
        self.send(fragment.render(fragment.context(Idle("en"), till=event["till"])))


def send_to_screens(till: int) -> None:
    """Send a till's number to every screen. The number 0 stands for "please wait" here."""
    async_to_sync(layer.group_send)(GROUP, {"type": "cashier.message", "till": till})


@require_POST
def press(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the number, and start a timer that removes it. Cancel the timer of the previous press."""
    send_to_screens(int(request.POST["cashier"]))
    timers.pop().cancel()
    timers.append(threading.Timer(HOLD_SECONDS, send_to_screens, [0]))
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
