"""The API: calls of a store for physical buttons, keypads and tills' software. OpenAPI at `/api/v1/docs`."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from ninja import Body, NinjaAPI, Status
from ninja.errors import ValidationError
from ninja.parser import Parser
from redis.exceptions import RedisError

from cashier_core import timeline
from cashier_core.call import Call
from cashier_web import calls, metrics, receipts
from cashier_web.clients import the_timeline
from cashier_web.credentials import IN_SECONDS, MOST_REQUESTS, Bearer, TokenInAddress, store_of, till_of
from cashier_web.models import Device, Store
from cashier_web.refusals import Refused, refuse_as_asked
from cashier_web.schemas import Calls, Key, Press, Problem, Receipt, Slug
from cashier_web.tokens import digest


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
    device = request.auth
    with translation.override(store.language):
        till = till_of(device, asked.till)
        language = asked.language or store.language
        if language not in store.languages:
            raise Refused(422, _("This language is not offered."))
        receipt = calls.call(
            request,
            store,
            till,
            language,
            by=calls.Caller("device", device.pk, device.name),
            again=asked.again,
            key=digest(f"{device.pk} {key}")[:32] if key else "",
        )
        answer = {
            "outcome": receipt.outcome,
            "seq": receipt.seq,
            "till": till.number,
            "place": receipt.place,
            "starts_in_ms": receipt.starts_in_ms,
            "text": receipts.text(receipt, till),
        }
    return Status(200 if receipt.outcome == "waits already" else 201, answer)


@api.get(
    "stores/{slug}/calls",
    response={200: Calls, **REFUSALS},
    summary="What is up and what waits",
    url_name="calls",
    tags=["calls"],
)
def current(request: Asked, slug: Slug) -> dict[str, Any]:
    store = store_of(request.auth, slug)
    found = [one_call(call) for call in the_timeline().snapshot(store.slug).calls]
    is_up = bool(found) and found[0]["starts_in_ms"] <= 0
    return {
        "store": store.slug,
        "is_open": store.is_open,
        "up": found[0] if is_up else None,
        "waiting": found[is_up:],
    }


def one_call(call: Call) -> dict[str, Any]:
    return {
        "seq": call.seq,
        "till": call.num_cashier,
        "label": call.label,
        "language": call.language,
        "starts_in_ms": call.starts_in_ms,
        "ends_in_ms": call.starts_in_ms + call.hold_ms,
    }


@api.post(
    "stores/{slug}/calls",
    response={200: Receipt, 201: Receipt, **PRESS_REFUSALS},
    summary="Press",
    tags=["calls"],
    openapi_extra={"responses": {201: {"links": {"cancel": CANCEL}}}},
)
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
def cancel(request: Asked, slug: Slug, seq: int) -> Status[Any]:
    device = request.auth
    store = store_of(device, slug)
    with translation.override(store.language):
        try:
            the_timeline().cancel(store.slug, seq, till=device.till or 0)
        except timeline.IsUp:
            raise Refused(409, _("This call is up already.")) from None
        except timeline.OfAnotherTill:
            raise Refused(403, _("This token is for another till.")) from None
        except timeline.NotWaiting:
            raise Refused(404, _("No such call waits.")) from None
    return Status(204, None)


@api.api_operation(
    ["GET", "POST"],
    "press",
    auth=TokenInAddress(),
    response={200: Receipt, 201: Receipt, **PRESS_REFUSALS},
    summary="Press the one till of this token, for buttons that can only open an address",
    url_name="button",
    tags=["buttons"],
)
def press_own_till(request: Asked) -> Status[Any]:
    return press(request, request.auth.store, Press())


@api.exception_handler(Refused)
def refused(request: HttpRequest, fault: Refused) -> HttpResponse:
    return refuse_as_asked(request, fault.status, fault.reason, fault.retry_after)


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, fault: ValidationError) -> HttpResponse:
    """One line for all that is wrong with what was sent."""
    reasons = (f"{'.'.join(str(part) for part in each['loc'][1:])}: {each['msg']}" for each in fault.errors)
    return refuse_as_asked(request, 422, "; ".join(reasons))


@api.exception_handler(RedisError)
def unreachable(request: HttpRequest, fault: RedisError) -> HttpResponse:
    metrics.REDIS_ERRORS.inc()
    return refuse_as_asked(request, 503, _("The screens can't be reached just now."))
