"""The pages of the peers that use Django. They contain only what the benchmark's client reads."""

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import path


def health(request: HttpRequest) -> HttpResponse:
    """Answer a health check with status 204."""
    return HttpResponse(status=204)


def screen(request: HttpRequest, slug: str) -> HttpResponse:
    """Return a page that contains only the path of the screen's websocket."""
    return HttpResponse(f'<body data-websocket="/ws/cashier_q/{slug}">')


def buttons(request: HttpRequest, slug: str) -> HttpResponse:
    """Return a page that contains only the CSRF token, which a press must send."""
    return HttpResponse(f'<input name="csrfmiddlewaretoken" value="{get_token(request)}">')


urlpatterns = [
    path("", health),
    path("healthz", health),
    path("s/<slug:slug>/", screen),
    path("s/<slug:slug>/cashier_buttons", buttons),
]
