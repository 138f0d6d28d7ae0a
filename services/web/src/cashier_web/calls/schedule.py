"""The call: what a press leads to, whoever makes it: a button on a page, a device, a till's software."""

import logging
import re
from dataclasses import dataclass
from typing import Literal

from django.http import HttpRequest
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from cashier_core.call import Policy
from cashier_core.till import Till
from cashier_core.timeline import QueueFull, Receipt
from cashier_web.calls import client_gone
from cashier_web.infra import metrics
from cashier_web.infra.errors import Refused
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.infra.request_log import request_id
from cashier_web.models import Store
from cashier_web.stores.labels import till_name

REQUEST_ID = re.compile(r"[0-9a-f]{32}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Who pressed. kind: `user` or `device`. number: its key in the database, 0 for nobody known."""

    kind: Literal["user", "device"]
    number: int
    name: str

    @property
    def key(self) -> str:
        """As the history has it."""
        return f"{self.kind} {self.number}" if self.number else ""


def call(
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
    """Schedule and announce the call, in words of the active language. Raises Refused, and KeyReused for a key.

    again: the same customer is called once more.
    key: the same for each attempt of one press; payload: what the caller sent with the key.
    The request id identifies a press that Nginx sends to a second worker.
    """
    if not store.is_open:
        raise Refused(409, _("This store is closed."))
    named = {"till": till_name(till)}
    if client_gone.is_over(request):
        raise Refused(408, _("%(till)s not called: the answer took too long.") % named)
    press_id = request_id(request) if REQUEST_ID.fullmatch(request_id(request)) else ""
    try:
        receipt = the_timeline().press(
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
        )
    except QueueFull:
        seconds = -(-store.hold_ms // 1000)
        raise Refused(429, _("%(till)s not called: too many are waiting.") % named, seconds) from None
    except RedisError:
        metrics.REDIS_ERRORS.inc()
        raise Refused(503, _("%(till)s not called: the screens can't be reached just now.") % named) from None
    metrics.PRESSES.labels(receipt.outcome).inc()
    log.info(
        "press",
        extra={
            "store": store.slug,
            "till": till.number,
            "outcome": receipt.outcome,
            "seq": receipt.seq,
            "starts_in_ms": receipt.starts_in_ms,
            by.kind: by.name,
            "request_id": request_id(request),
            **({"again": True} if again else {}),
        },
    )
    return receipt
