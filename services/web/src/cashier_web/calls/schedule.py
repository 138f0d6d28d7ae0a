"""Schedules calls and cancels queued calls, for cashiers on a page and for devices."""

import logging
import re
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from redis.exceptions import OutOfMemoryError, RedisError

from cashier_core import timeline
from cashier_core.call import Policy
from cashier_core.till import Till
from cashier_core.timeline import HistoryFull, QueueFull, Receipt, TooManyKeys, Unanswered
from cashier_web.calls.client_gone import is_client_gone
from cashier_web.calls.failover import repeat_during_failover
from cashier_web.infra import metrics
from cashier_web.infra.errors import Refused
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.infra.redis_unavailable import redis_unanswered, redis_unavailable
from cashier_web.infra.request_info import request_id
from cashier_web.models import Store
from cashier_web.press_data.lookup import KnownDevice, Lookup
from cashier_web.stores.labels import till_name

NGINX_REQUEST_ID = re.compile(r"[0-9a-f]{32}")
SEQ = re.compile(r"[0-9]{1,12}")
"""The form of a seq. Devices for older versions of cashier_q name a call by its seq. A call_id is longer than a seq."""

KEY_RETRY_SECONDS = 60
"""The value of the header Retry-After if a press is refused because the devices of its store have used too many
idempotency keys."""

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
    lookup: Lookup,
    again: bool = False,
    key: str = "",
    payload: str = "",
    is_simple_button: bool = False,
) -> Receipt:
    """Schedule a call and announce it to the screens. Returns the receipt.

    by: the person or the device that pressed.
    lookup: the lookup that has found the store and the person or device.
    again: whether the same customer is called once more.
    key: the idempotency key of a device; every attempt of one press has the same key.
    payload: the body of the device's request.
    is_simple_button: whether the device is a button that can only open an address. All presses of such a button within
    a second are one press.

    Raises Refused, with a reason in the active language, if no call can be made. If nobody knows whether the call was
    made, the status of Refused is 504. Raises KeyReused if the key was used before with another payload. Raises
    StaleDocument if the store, the person or the device has changed since the lookup.

    Nginx may send the same press to a second worker process. web recognises the press by its request_id, and makes no
    second call.
    """
    if not store.is_open:
        raise Refused(409, _("This store is closed."))
    params = {"till": till_name(till)}
    if is_client_gone(request):
        raise Refused(408, _("%(till)s was not called: the answer took too long.") % params)
    nginx_id = request_id(request)
    # The press_id stays the same if the view schedules the call of this request once more.
    own_id = request.__dict__.setdefault("own_press_id", secrets.token_hex(16))
    press_id = nginx_id if NGINX_REQUEST_ID.fullmatch(nginx_id) else own_id
    lookup.leave_check_to_press_lua()
    try:
        if is_simple_button:
            first = partial(the_timeline().first_press_id, store.slug, by.key, press_id)
            press_id = repeat_during_failover(first, request)
        press = partial(
            the_timeline().press,
            store.slug,
            till.number,
            language,
            idle_language=store.language,
            hold_ms=store.hold_ms,
            policy=Policy(store.policy),
            label=till.label,
            press_id=press_id,
            key=key,
            payload=payload,
            by=by.key,
            again=again,
            documents=lookup.versions,
        )
        receipt = repeat_during_failover(press, request)
    except QueueFull:
        seconds = -(-store.hold_ms // 1000)
        raise Refused(429, _("%(till)s was not called: too many calls are waiting.") % params, seconds) from None
    except TooManyKeys:
        metrics.REFUSED_FOR_ROOM.labels("keys").inc()
        reason = _("%(till)s was not called: the devices of this store have used too many keys within an hour.")
        raise Refused(429, reason % params, KEY_RETRY_SECONDS) from None
    except (HistoryFull, OutOfMemoryError) as fault:
        what = "history" if isinstance(fault, HistoryFull) else "memory"
        metrics.REFUSED_FOR_ROOM.labels(what).inc()
        log.error("a press was refused, because the %s in Redis is full", what)
        raise Refused(503, _("%(till)s was not called: the server has no room for more calls.") % params) from None
    except Unanswered:
        raise redis_unanswered(_("%(till)s was possibly not called: look at the screen.") % params) from None
    except RedisError as fault:
        raise redis_unavailable(
            _("%(till)s was not called: the screens cannot be reached at the moment.") % params, fault
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


def cancel_call(request: HttpRequest, store: Store, call: str, device: KnownDevice) -> None:
    """Cancel a queued call for a device.

    call: the call_id of the call, or its seq.

    Raises Refused, with a reason in the active language, if the call is not queued, if the device may not call for the
    till of this call, or if the seq does not identify the call. If nobody knows whether the call was cancelled, the
    status of Refused is 504. Raises RedisError if the call was not cancelled because Redis does not answer.
    """
    till = device.till or 0
    try:
        if SEQ.fullmatch(call):
            by = Caller("device", device.pk, device.name).key
            cancel = partial(the_timeline().cancel_seq, store.slug, int(call), by=by, till=till)
        else:
            cancel = partial(the_timeline().cancel, store.slug, call, till=till)
        repeat_during_failover(cancel, request)
    except timeline.AlreadyShown:
        raise Refused(409, _("This call is already on the screen.")) from None
    except timeline.Ambiguous:
        raise Refused(409, _("Cancel the call by the id in its receipt.")) from None
    except timeline.WrongTill:
        raise Refused(403, _("This token is for another till.")) from None
    except timeline.NotQueued:
        raise Refused(404, _("No such call is waiting.")) from None
    except Unanswered:
        raise redis_unanswered(_("Possibly not cancelled: look at the screen, or cancel the call again.")) from None
    log.info("taken back", extra={"store": store.slug, "call": call, "device": device.name})
