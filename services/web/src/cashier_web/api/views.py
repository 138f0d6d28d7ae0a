"""The API: calls of a store for physical buttons, keypads and tills' software. OpenAPI at `/api/v1/docs`."""

import logging
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from ninja import Body, NinjaAPI, Status
from ninja.decorators import decorate_view
from ninja.errors import AuthenticationError, ValidationError
from ninja.parser import Parser
from redis.exceptions import RedisError

from cashier_core import timeline
from cashier_core.timeline import KeyReused
from cashier_web.api.auth import IN_SECONDS, MOST_REQUESTS, Bearer, TokenInAddress, store_of, till_of
from cashier_web.api.schemas import Calls, Key, OneCall, Press, Problem, Receipt, Slug
from cashier_web.calls import schedule
from cashier_web.infra import metrics
from cashier_web.infra.errors import Refused, refuse_as_asked
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.infra.request_log import request_id
from cashier_web.infra.tokens import digest
from cashier_web.models import Device, Store

log = logging.getLogger(__name__)


class EmptyOrJSON(Parser):
    """A button of one till has nothing to say but that it was pressed."""

    def parse_body(self, request: HttpRequest) -> Any:
        return super().parse_body(request) if request.body else {}


api = NinjaAPI(
    title="cashier_q",
    version="1",
    description=(
        "Calls of a store. Each device has a token of its own, and belongs to one store or to one till of it. "
        f"A device may ask {MOST_REQUESTS} times in {IN_SECONDS} seconds."
    ),
    urls_namespace="api",
    auth=Bearer(),
    parser=EmptyOrJSON(),
)


class Asked(HttpRequest):
    """A request of a device that has shown its token."""

    auth: Device


NOTHING_SAID = Press()
CANCEL = {"operationId": "cancel", "parameters": {"slug": "$request.path.slug", "seq": "$response.body#/seq"}}
"""OpenAPI's way to say that what a press answers can be taken back."""
REFUSALS = dict.fromkeys((400, 401, 403, 404, 422, 429, 503), Problem)
PRESS_REFUSALS = {**REFUSALS, 408: Problem, 409: Problem}


def press(request: Asked, store: Store, asked: Press, key: str | None = None) -> Status[Any]:
    """Call, and answer 201 with the receipt; 200 if nothing new was called, because this till waits already."""
    device, payload = request.auth, asked.model_dump_json(exclude_defaults=True)
    key = digest(f"{device.pk} {key}")[:32] if key else ""
    with translation.override(store.language):
        till = till_of(device, asked.till)
        # First: a retry is answered as before, whether the store has closed meanwhile or not.
        receipt = the_timeline().receipt(store.slug, key, payload) if key else None
        if receipt is None:
            language = asked.language or store.language
            if language not in store.languages:
                raise Refused(422, _("This language is not offered."))
            by = schedule.Caller("device", device.pk, device.name)
            receipt = schedule.call(request, store, till, language, by=by, again=asked.again, key=key, payload=payload)
        answer = Receipt.of(receipt, till)
    return Status(200 if receipt.outcome == "waits already" else 201, answer)


@api.get(
    "stores/{slug}/calls",
    response={200: Calls, **REFUSALS},
    summary="What is up and what waits",
    url_name="calls",
    tags=["calls"],
)
@decorate_view(never_cache)
def current(request: Asked, slug: Slug) -> Calls:
    store = store_of(request.auth, slug)
    found = [OneCall.of(call) for call in the_timeline().snapshot(store.slug).calls]
    is_up = bool(found) and found[0].starts_in_ms <= 0
    return Calls(store=store.slug, is_open=store.is_open, up=found[0] if is_up else None, waiting=found[is_up:])


@api.post(
    "stores/{slug}/calls",
    response={200: Receipt, 201: Receipt, **PRESS_REFUSALS},
    summary="Press",
    tags=["calls"],
    openapi_extra={"responses": {201: {"links": {"cancel": CANCEL}}}},
)
@decorate_view(never_cache)
def press_till(
    request: Asked, slug: Slug, asked: Annotated[Press, Body()] = NOTHING_SAID, key: Key = None
) -> Status[Any]:
    return press(request, store_of(request.auth, slug), asked, key)


@api.delete(
    "stores/{slug}/calls/{int:seq}",
    response={204: None, 409: Problem, **REFUSALS},
    summary="Take back a call that waits",
    tags=["calls"],
    operation_id="cancel",
)
@decorate_view(never_cache)
def cancel(request: Asked, slug: Slug, seq: int) -> Status[Any]:
    device = request.auth
    store = store_of(device, slug)
    with translation.override(store.language):
        try:
            the_timeline().cancel(store.slug, seq, till=device.till or 0)
        except timeline.IsUp:
            raise Refused(409, _("This call is up already.")) from None
        except timeline.WrongTill:
            raise Refused(403, _("This token is for another till.")) from None
        except timeline.NotQueued:
            raise Refused(404, _("No such call waits.")) from None
    log.info(
        "taken back", extra={"store": store.slug, "seq": seq, "device": device.name, "request_id": request_id(request)}
    )
    return Status(204, None)


BUTTON: dict[str, Any] = {
    "auth": TokenInAddress(),
    "response": {200: Receipt, 201: Receipt, **PRESS_REFUSALS},
    "summary": "Press the one till of this token, for buttons that can only open an address",
    "url_name": "button",
    "tags": ["buttons"],
}


@api.post("press", operation_id="post_press", **BUTTON)
@api.get("press", operation_id="get_press", **BUTTON)
@decorate_view(never_cache)
def press_own_till(request: Asked) -> Status[Any]:
    return press(request, request.auth.store, Press())


@api.exception_handler(Refused)
def refused(request: HttpRequest, fault: Refused) -> HttpResponse:
    return refuse_as_asked(request, fault.status, fault.reason, fault.retry_after)


@api.exception_handler(AuthenticationError)
def unknown(request: HttpRequest, fault: AuthenticationError) -> HttpResponse:
    """An address takes a till's token alone, of which it says nothing to whoever tries."""
    return refuse_as_asked(
        request, 401, _("No token, an unknown one, or one that was revoked or isn't for this address.")
    )


@api.exception_handler(KeyReused)
def another(request: HttpRequest, fault: KeyReused) -> HttpResponse:
    return refuse_as_asked(request, 422, _("Not called: this key was another press's."))


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, fault: ValidationError) -> HttpResponse:
    """One line for all that is wrong with what was sent."""
    reasons = (f"{each['loc'][-1]}: {each['msg']}" for each in fault.errors)
    return refuse_as_asked(request, 422, "; ".join(reasons))


@api.exception_handler(RedisError)
def unreachable(request: HttpRequest, fault: RedisError) -> HttpResponse:
    metrics.REDIS_ERRORS.inc()
    return refuse_as_asked(request, 503, _("The screens can't be reached just now."))
