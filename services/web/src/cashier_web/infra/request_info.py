"""What the code needs to know about a request: its id, the client's address, and htmx's headers."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request as django-htmx's middleware passes it on. `htmx` is true if htmx sent the request."""

    htmx: HtmxDetails


def request_id(request: HttpRequest) -> str:
    """The id that Nginx gives each request and writes into its access log; "" without Nginx."""
    return request.headers.get("X-Request-ID", "")


def client_address(request: HttpRequest) -> str:
    """The IP address of the client. Nginx sets X-Forwarded-For and overwrites what a client sends in this header."""
    return request.headers.get("X-Forwarded-For") or request.META.get("REMOTE_ADDR", "")
