"""Which device an API token belongs to, how often the device may send requests, and which till it may press for."""

from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.security import APIKeyQuery, HttpBearer

from cashier_core.till import Till
from cashier_web.infra.errors import Refused
from cashier_web.infra.rate_limit import seconds_until_allowed
from cashier_web.infra.tokens import token_hash
from cashier_web.models import Device, Store

MOST_REQUESTS, IN_SECONDS = 120, 10
"""Limit of one device: enough for a hundred retries at once, and more than a store calls. A faulty device that sends
more leaves room for the others."""
USED_AT_PRECISION = timedelta(minutes=1)
"""`used_at` is saved at most this often: saving it for each press would cost as much as the press."""


def device_of_token(token: str) -> Device | None:
    """The device with this token, or None if the token is unknown or was revoked. Saves that the device was used.

    Raises Refused for a device that sends too many requests, and RedisError.
    """
    device = Device.objects.select_related("store").filter(token_hash=token_hash(token), revoked_at=None).first()
    if not device:
        return None
    if seconds := seconds_until_allowed("api", str(device.pk), most=MOST_REQUESTS, seconds=IN_SECONDS):
        reason = _("This device sends too many requests. It may send %(most)s in %(seconds)s seconds.")
        raise Refused(429, reason % {"most": MOST_REQUESTS, "seconds": IN_SECONDS}, seconds)
    if device.used_at is None or device.used_at < timezone.now() - USED_AT_PRECISION:
        Device.objects.filter(pk=device.pk).update(used_at=timezone.now())
    return device


class Bearer(HttpBearer):
    """A token in the header `Authorization: Bearer cq_...`."""

    def authenticate(self, request: HttpRequest, token: str) -> Device | None:
        return device_of_token(token)


class TokenInAddress(APIKeyQuery):
    """A token in the address, `?token=cq_...`, for buttons that can only open an address.

    Accepted only for a device of one till: an address is easily seen by others, and such a token can do little harm.
    """

    param_name = "token"

    def authenticate(self, request: HttpRequest, key: str | None) -> Device | None:
        device = device_of_token(key) if key else None
        return device if device and device.till else None


def store_of(device: Device, slug: str) -> Store:
    """The device's store. Raises Refused for the slug of any other store, whether that store exists or not."""
    if device.store.slug != slug:
        raise Refused(403, _("This token is for another store."))
    return device.store


def till_of(device: Device, number: int | None) -> Till:
    """The till that the device presses for; without a number, the device's own till.

    Raises Refused if the device may not press for this till, or if the store has no such till.
    """
    number = number or device.till
    if number is None:
        raise Refused(422, _("The request contains no till."))
    if device.till not in (None, number):
        raise Refused(403, _("This token is for another till."))
    if number > device.store.tills:
        raise Refused(422, _("This store has no till %(till)s.") % {"till": number})
    return device.store.till(number)
