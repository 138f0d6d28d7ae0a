"""The pages that the peers share: as much of them as the benchmark's client reads."""

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import path


def nothing(request: HttpRequest) -> HttpResponse:
    """Answers a probe."""
    return HttpResponse(status=204)


def screen(request: HttpRequest, slug: str) -> HttpResponse:
    """Where the screen's websocket is."""
    return HttpResponse(f'<body data-websocket="/ws/cashier_q/{slug}">')


def buttons(request: HttpRequest, slug: str) -> HttpResponse:
    """The token that a press needs."""
    return HttpResponse(f'<input name="csrfmiddlewaretoken" value="{get_token(request)}">')


urlpatterns = [
    path("", nothing),
    path("healthz", nothing),
    path("s/<slug:slug>/", screen),
    path("s/<slug:slug>/cashier_buttons", buttons),
]
