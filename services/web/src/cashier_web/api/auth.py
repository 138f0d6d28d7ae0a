"""Finds the device of an API token, and limits how often a device may send requests.

Also refuses a request for a store or a till that the device may not call for.
"""

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import APIKeyQuery, HttpBearer

from cashier_core.till import Till
from cashier_web.api.link_previews import is_sent_without_purpose
from cashier_web.calls.failover import repeat_during_failover
from cashier_web.devices.last_used import note_used
from cashier_web.infra.errors import Refused
from cashier_web.infra.rate_limit import seconds_until_allowed
from cashier_web.infra.tokens import token_hash
from cashier_web.models import Store
from cashier_web.press_data.lookup import KnownDevice, with_fresh_lookup

MOST_REQUESTS, IN_SECONDS = 120, 10
"""A device may send at most `MOST_REQUESTS` requests in `IN_SECONDS` seconds. A device can send a hundred retries at
once without reaching this limit, and a whole store makes fewer calls in `IN_SECONDS` seconds. The limit protects the
other devices from a faulty device that never stops sending."""


def device_of_token(token: str) -> KnownDevice | None:
    """Return the device with this token, or None if the token is unknown or was revoked.

    Also notes that the device is used now. Raises Refused if the device sends too
    many requests, and RedisError if Redis does not answer.
    """
    device = with_fresh_lookup(lambda lookup: lookup.device(token_hash(token)))
    if not device:
        return None
    if seconds := seconds_until_allowed("api", str(device.pk), most=MOST_REQUESTS, seconds=IN_SECONDS):
        reason = _("This device sends too many requests. It may send %(most)s in %(seconds)s seconds.")
        raise Refused(429, reason % {"most": MOST_REQUESTS, "seconds": IN_SECONDS}, seconds)
    note_used(device)
    return device


class Bearer(HttpBearer):
    """Accepts the token of a device in the header `Authorization: Bearer cq_...`."""

    def authenticate(self, request: HttpRequest, token: str) -> KnownDevice | None:
        return repeat_during_failover(lambda: device_of_token(token), request)


class TokenInAddress(APIKeyQuery):
    """Accepts the token of a device in the address (`?token=cq_...`), for buttons that can only open an address.

    Only the token of a device of one till is accepted. Other people can easily see an address, but with this token they
    can press only for this one till. A GET request of a link preview or of a browser is refused.
    """

    param_name = "token"

    def authenticate(self, request: HttpRequest, key: str | None) -> KnownDevice | None:
        if request.method == "GET" and is_sent_without_purpose(request):
            reason = _(
                "Nobody was called: this request looks like a link preview or a browser. "
                "A device can send POST instead of GET."
            )
            raise Refused(403, reason)
        device = repeat_during_failover(lambda: device_of_token(key), request) if key else None
        return device if device and device.till else None


def store_of(device: KnownDevice, slug: str) -> Store:
    """Return the store of the device. Raises Refused if `slug` is not the slug of this store."""
    if device.store.slug != slug:
        raise Refused(403, _("This token is for another store."))
    return device.store


def till_of(device: KnownDevice, number: int | None) -> Till:
    """Return the till with this number. If the request contains no number, return the device's own till.

    Raises Refused if the device may not press for this till, if the store has no such till, or if the request contains
    no number and the device has no till of its own.
    """
    number = number or device.till
    if number is None:
        raise Refused(422, _("The request contains no till."))
    if device.till not in (None, number):
        raise Refused(403, _("This token is for another till."))
    if number > device.store.tills:
        raise Refused(422, _("This store has no till %(till)s.") % {"till": number})
    return device.store.till(number)
