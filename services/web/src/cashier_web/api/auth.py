"""The credentials of devices: who a token is, what it may do, and how often it may ask."""

from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja.security import APIKeyQuery, HttpBearer

from cashier_core.till import Till
from cashier_web.infra import tokens
from cashier_web.infra.errors import Refused
from cashier_web.infra.rate_limit import seconds_to_wait
from cashier_web.models import Device, Store

MOST_REQUESTS, IN_SECONDS = 120, 10
"""Of one device: a hundred retries at once, and more than a store calls; one that goes wild leaves room for others."""
USED_EXACTLY = timedelta(minutes=1)
"""The last use is kept no more exactly than this: a write for each press would cost as much as the press."""


def device_of(token: str) -> Device | None:
    """The device whose token this is, unless it was revoked; notes that it was used.

    Raises Refused for one that asks too often, and RedisError.
    """
    device = Device.objects.select_related("store").filter(token_hash=tokens.digest(token), revoked_at=None).first()
    if not device:
        return None
    if seconds := seconds_to_wait("api", str(device.pk), most=MOST_REQUESTS, seconds=IN_SECONDS):
        reason = _("This device asks too often: %(most)s times in %(seconds)s seconds are enough.")
        raise Refused(429, reason % {"most": MOST_REQUESTS, "seconds": IN_SECONDS}, seconds)
    if device.used_at is None or device.used_at < timezone.now() - USED_EXACTLY:
        Device.objects.filter(pk=device.pk).update(used_at=timezone.now())
    return device


class Bearer(HttpBearer):
    """`Authorization: Bearer cq_...`."""

    def authenticate(self, request: HttpRequest, token: str) -> Device | None:
        return device_of(token)


class TokenInAddress(APIKeyQuery):
    """`?token=cq_...`, for buttons that can only open an address; those of one till, so that it can do little harm."""

    param_name = "token"

    def authenticate(self, request: HttpRequest, key: str | None) -> Device | None:
        device = device_of(key) if key else None
        return device if device and device.till else None


def store_of(device: Device, slug: str) -> Store:
    """The device's store. Raises Refused for any other, whether there is one or not."""
    if device.store.slug != slug:
        raise Refused(403, _("This token is for another store."))
    return device.store


def till_of(device: Device, number: int | None) -> Till:
    """The till that it may press. Raises Refused."""
    number = number or device.till
    if number is None:
        raise Refused(422, _("Which till? None was sent."))
    if device.till not in (None, number):
        raise Refused(403, _("This token is for another till."))
    if number > device.store.tills:
        raise Refused(422, _("This store has no till %(till)s.") % {"till": number})
    return device.store.till(number)
