"""Schedules calls and cancels queued calls, for cashiers on a page and for devices."""

import logging
import re
from dataclasses import dataclass
from typing import Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from cashier_core import timeline
from cashier_core.call import Policy
from cashier_core.till import Till
from cashier_core.timeline import QueueFull, Receipt
from cashier_web.calls.client_gone import is_client_gone
from cashier_web.infra import metrics
from cashier_web.infra.errors import Refused
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.infra.redis_unavailable import redis_unavailable
from cashier_web.infra.request_info import request_id
from cashier_web.models import Device, Store
from cashier_web.stores.labels import till_name

NGINX_REQUEST_ID = re.compile(r"[0-9a-f]{32}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """The person or the device that pressed.

    number: the primary key in the database; 0 if nobody is signed in. name: the username, or the name of the device.
    """

    kind: Literal["user", "device"]
    number: int
    name: str

    @property
    def key(self) -> str:
        """The text in the history in Redis that says who pressed.

        The text is "user 12", "device 7", or "" if nobody is signed in.
        """
        return f"{self.kind} {self.number}" if self.number else ""


def schedule_call(
    request: HttpRequest,
    store: Store,
    till: Till,
    language: str,
    *,
    by: Caller,
    again: bool = False,
    key: str = "",
    payload: str = "",
) -> Receipt:
    """Schedule a call and announce it to the screens. Returns the receipt.

    by: the person or the device that pressed.
    again: whether the same customer is called once more.
    key: the idempotency key of a device; every attempt of one press has the same key.
    payload: the body of the device's request.

    Raises Refused, with a reason in the active language, if no call can be made. Raises KeyReused if the key was used
    before with another payload. Nginx may send the same press to a second worker process. web recognises the press by
    its request_id, and makes no second call.
    """
    if not store.is_open:
        raise Refused(409, _("This store is closed."))
    params = {"till": till_name(till)}
    if is_client_gone(request):
        raise Refused(408, _("%(till)s was not called: the answer took too long.") % params)
    nginx_id = request_id(request)
    try:
        receipt = the_timeline().press(
            store.slug,
            till.number,
            language,
            idle_language=store.language,
            hold_ms=store.hold_ms,
            policy=Policy(store.policy),
            label=till.label,
            press_id=nginx_id if NGINX_REQUEST_ID.fullmatch(nginx_id) else "",
            key=key,
            payload=payload,
            by=by.key,
            again=again,
        )
    except QueueFull:
        seconds = -(-store.hold_ms // 1000)
        raise Refused(429, _("%(till)s was not called: too many calls are waiting.") % params, seconds) from None
    except RedisError:
        raise redis_unavailable(
            _("%(till)s was not called: the screens cannot be reached at the moment.") % params
        ) from None
    metrics.PRESSES.labels(receipt.outcome).inc()
    extra = {
        "store": store.slug,
        "till": till.number,
        "outcome": receipt.outcome,
        "seq": receipt.seq,
        "starts_in_ms": receipt.starts_in_ms,
        by.kind: by.name,
    }
    if again:
        extra["again"] = True
    log.info("press", extra=extra)
    return receipt


def cancel_call(store: Store, seq: int, device: Device) -> None:
    """Cancel a queued call for a device.

    Raises Refused, with a reason in the active language, if the call is not queued, or if the device may not call for
    the till of this call. Raises RedisError if Redis does not answer.
    """
    try:
        the_timeline().cancel(store.slug, seq, till=device.till or 0)
    except timeline.AlreadyShown:
        raise Refused(409, _("This call is already on the screen.")) from None
    except timeline.WrongTill:
        raise Refused(403, _("This token is for another till.")) from None
    except timeline.NotQueued:
        raise Refused(404, _("No such call is waiting.")) from None
    log.info("taken back", extra={"store": store.slug, "seq": seq, "device": device.name})
