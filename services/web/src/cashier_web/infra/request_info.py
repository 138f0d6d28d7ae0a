"""Reads from a request its id, the address of the client, and whether htmx sent the request."""

from ipaddress import IPv6Address, IPv6Network, ip_address

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
    """Return the address of the client, for limits per address. All addresses of an IPv6 /64 network are one address.

    Nginx writes the address into the header X-Forwarded-For, and removes what the client has sent in this header.
    Therefore a client cannot pretend to have another address.
    """
    return limited_address(request.headers.get("X-Forwarded-For") or request.META.get("REMOTE_ADDR", ""))


def limited_address(address: str) -> str:
    """Return an IPv4 address as it is, and for an IPv6 address the first address of its /64 network.

    Every household and every computer in a data centre gets at least a /64 network from its provider. Each computer in
    the network can use any of its 2**64 addresses, so a limit for a single IPv6 address would limit nobody.
    A text that is not an address, such as the empty address of a Unix socket, is returned as it is.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), 64), strict=False).network_address)
