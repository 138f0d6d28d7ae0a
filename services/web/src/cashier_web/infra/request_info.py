"""Reads from a request its id, the address of the client, and whether htmx sent the request."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request with the attribute `htmx`, which is true if htmx sent the request. django-htmx's middleware adds it."""

    htmx: HtmxDetails


def request_id(request: HttpRequest) -> str:
    """Return the id that Nginx gives to each request and writes into its access log.

    Returns "" if the request did not come through Nginx.
    """
    return request.headers.get("X-Request-ID", "")


def client_address(request: HttpRequest) -> str:
    """Return the IP address of the client.

    Nginx writes this address into the header X-Forwarded-For, and removes what the client has sent in this header.
    Therefore a client cannot pretend to have another address.
    """
    return request.headers.get("X-Forwarded-For") or request.META.get("REMOTE_ADDR", "")
