"""The API for physical buttons, keypads and the software of tills. Its documentation is at `/api/v1/docs`."""

import contextlib
from functools import partial
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from ninja import Body, NinjaAPI, Status
from ninja.decorators import decorate_view
from ninja.errors import AuthenticationError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from redis.exceptions import RedisError

from cashier_core import timeline
from cashier_core.till import Till
from cashier_core.timeline import KeyReused
from cashier_web.api import fleet
from cashier_web.api.auth import IN_SECONDS, MOST_REQUESTS, Bearer, TokenInAddress, store_of, till_of
from cashier_web.api.schemas import CallId, Calls, Key, OneCall, Press, Problem, Receipt, Slug
from cashier_web.calls.failover import repeat_during_failover
from cashier_web.calls.schedule import Caller, cancel_call, schedule_call
from cashier_web.infra.errors import Refused, refuse_in_format
from cashier_web.infra.rate_limit import GuessLimit
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.infra.redis_unavailable import redis_unanswered
from cashier_web.infra.request_info import client_address
from cashier_web.infra.tokens import token_hash
from cashier_web.models import Store
from cashier_web.press_data.lookup import KnownDevice, Lookup, with_lookup
from cashier_web.stores.labels import till_name


class EmptyOrJSON(Parser):
    """Parses the JSON of a request. An empty body is valid, too, because a button of one till need not send data."""

    def parse_body(self, request: HttpRequest) -> Any:
        return super().parse_body(request) if request.body else {}


class API(NinjaAPI):
    """The API. It builds its OpenAPI document only once.

    Building the document takes 30 ms, and everybody may request it.
    """

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Return the OpenAPI document, which is the same for every request. `options` are the options of NinjaAPI."""
        if self._document is None:
            self._document = super().get_openapi_schema()
        return self._document

    _document: OpenAPISchema | None = None


api = API(
    title="cashier_q",
    version="1",
    description=(
        "The calls of a store. Each device has its own token, and belongs to one store or to one till of a store. "
        f"A device may send {MOST_REQUESTS} requests in {IN_SECONDS} seconds. The addresses under /fleet/ need an "
        f"operator token, which may send {fleet.MOST_REQUESTS} requests in {fleet.IN_SECONDS} seconds."
    ),
    urls_namespace="api",
    auth=Bearer(),
    parser=EmptyOrJSON(),
)


api.add_router("fleet", fleet.router)


class DeviceRequest(HttpRequest):
    """A request of a device. django-ninja sets `auth` to the device whose token the request contains."""

    auth: KnownDevice


EMPTY_PRESS = Press()
WRONG_TOKENS = GuessLimit("token", 60, 60)
"""This limit counts the requests with a wrong token from one client address. A request with a right token is never
refused because of this limit: nobody can guess a token, and the devices of a store share one address. The limit tells a
device whose token was revoked to try less often."""
CANCEL_LINK = {"operationId": "cancel", "parameters": {"slug": "$request.path.slug", "id": "$response.body#/id"}}
"""This link in the OpenAPI document leads from a press to the operation `cancel`. It tells clients that they can cancel
the call with the `id` in the response to the press."""
REFUSALS = dict.fromkeys((400, 401, 403, 404, 422, 429, 503), Problem)
PRESS_REFUSALS = {**REFUSALS, 408: Problem, 409: Problem, 504: Problem}


def press(
    request: DeviceRequest, body: Press, slug: str = "", key: str | None = None, *, is_simple_button: bool = False
) -> Status[Any]:
    """Schedule a call, and answer with status 201 and the receipt.

    If the till already has a queued call, the press changes nothing, and the status is 200.

    slug: the slug of the store in the address; "" if the address contains no store.
    """

    def press_with(lookup: Lookup) -> Status[Any]:
        # The device is looked up once more, because the lookup must contain everything with which the press is checked.
        device = lookup.device(request.auth.token_hash)
        if device is None:
            raise AuthenticationError
        store = store_of(device, slug) if slug else device.store
        return press_as(device, store, lookup)

    def press_as(device: KnownDevice, store: Store, lookup: Lookup) -> Status[Any]:
        payload = body.model_dump_json(exclude_defaults=True)
        # Two devices may choose the same idempotency key, so the device's id is added to the key. Hashing gives the key
        # a fixed length.
        own_key = token_hash(f"{device.pk} {key}")[:32] if key else ""
        with translation.override(store.language):
            till = till_of(device, body.till)
            # If a device sends a press again with the same idempotency key, it gets the receipt of its first attempt
            # again, even if the store has closed meanwhile. Therefore the timeline is asked for this receipt before a
            # call is scheduled.
            receipt = earlier_receipt(request, store, till, own_key, payload) if own_key else None
            if receipt is None:
                if body.language and body.language not in store.languages:
                    raise Refused(422, _("This language is not offered."))
                language = body.language or store.language
                by = Caller("device", device.pk, device.name)
                receipt = schedule_call(
                    request,
                    store,
                    till,
                    language,
                    by=by,
                    lookup=lookup,
                    again=body.again,
                    key=own_key,
                    payload=payload,
                    is_simple_button=is_simple_button,
                )
            answer = Receipt.from_receipt(receipt, till)
        return Status(200 if receipt.outcome == "waits already" else 201, answer)

    return repeat_during_failover(lambda: with_lookup(press_with), request)


def earlier_receipt(request: HttpRequest, store: Store, till: Till, key: str, payload: str) -> timeline.Receipt | None:
    """Return the receipt of an earlier attempt of a press; None if there was none.

    Raises Refused with status 504 if there was one, but no replica of Redis has confirmed the call yet.
    """
    try:
        return repeat_during_failover(partial(the_timeline().receipt, store.slug, key, payload), request)
    except timeline.Unanswered:
        reason = _("%(till)s was possibly not called: look at the screen.") % {"till": till_name(till)}
        raise redis_unanswered(reason) from None


@api.get(
    "stores/{slug}/calls",
    response={200: Calls, **REFUSALS},
    summary="The call on the screens, and the calls that come next",
    url_name="calls",
    tags=["calls"],
)
@decorate_view(never_cache)
def current(request: DeviceRequest, slug: Slug) -> Calls:
    if request.headers.get("Idempotency-Key"):
        # A client has sent a press with POST, and was redirected, for example from http:// to https://. Most clients
        # then send GET. If they got status 200, they would take the press for successful.
        reason = _(
            "Nobody was called: a press must be sent with POST. "
            "If the request was redirected, use the address that begins with https://."
        )
        raise Refused(400, reason)
    store = store_of(request.auth, slug)
    calls = [OneCall.from_call(call) for call in the_timeline().snapshot(store.slug).calls]
    is_up = bool(calls) and calls[0].starts_in_ms <= 0
    return Calls(store=store.slug, is_open=store.is_open, up=calls[0] if is_up else None, waiting=calls[is_up:])


@api.post(
    "stores/{slug}/calls",
    response={200: Receipt, 201: Receipt, **PRESS_REFUSALS},
    summary="Press",
    tags=["calls"],
    openapi_extra={"responses": {201: {"links": {"cancel": CANCEL_LINK}}}},
)
@decorate_view(never_cache)
def press_till(
    request: DeviceRequest, slug: Slug, body: Annotated[Press, Body()] = EMPTY_PRESS, key: Key = None
) -> Status[Any]:
    return press(request, body, slug, key)


@api.delete(
    "stores/{slug}/calls/{id}",
    response={204: None, 409: Problem, 504: Problem, **REFUSALS},
    summary="Cancel a queued call",
    tags=["calls"],
    operation_id="cancel",
)
@decorate_view(never_cache)
def cancel(request: DeviceRequest, slug: Slug, id: CallId) -> Status[Any]:
    store = store_of(request.auth, slug)
    with translation.override(store.language):
        cancel_call(request, store, id, request.auth)
    return Status(204, None)


BUTTON: dict[str, Any] = {
    "auth": TokenInAddress(),
    "response": {200: Receipt, 201: Receipt, **PRESS_REFUSALS},
    "summary": "Press for the one till of this token, for buttons that can only open an address",
    "url_name": "button",
    "tags": ["buttons"],
}


@api.post("press", operation_id="post_press", **BUTTON)
@api.get("press", operation_id="get_press", **BUTTON)
@decorate_view(never_cache)
def press_own_till(request: DeviceRequest) -> Status[Any]:
    return press(request, EMPTY_PRESS, is_simple_button=True)


# The functions below answer errors that only the API has. The middleware in `expected_errors` answers the exception
# Refused, and errors of Redis and the database.


@api.exception_handler(AuthenticationError)
def unknown_token(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Answer every kind of wrong token in the same way, so that an attacker learns nothing from the answer."""
    # If Redis does not answer, the wrong token is not counted, and the answer is 401.
    with contextlib.suppress(RedisError):
        if seconds := WRONG_TOKENS.count(client_address(request)):
            reason = _("Too many requests with a wrong token. Try again in %(s)s seconds.") % {"s": seconds}
            return refuse_in_format(request, 429, reason, seconds)
    return refuse_in_format(request, 401, _("The token is missing, unknown, revoked, or not valid for this address."))


@api.exception_handler(KeyReused)
def key_reused(request: HttpRequest, error: KeyReused) -> HttpResponse:
    return refuse_in_format(request, 422, _("Not called: this key was already used for another press."))


@api.exception_handler(ValidationError)
def invalid_request(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer with one line that says everything that is wrong with the request."""
    reasons = (f"{each['loc'][-1]}: {each['msg']}" for each in error.errors)
    return refuse_in_format(request, 422, "; ".join(reasons))
