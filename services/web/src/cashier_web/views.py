"""The views: a store's screen, its buttons, the press and the change of language."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django_htmx.http import trigger_client_event
from redis.exceptions import RedisError

from cashier_core import message
from cashier_core.call import DEFAULT_STORE, LANGUAGES
from cashier_core.tickets import Ticket
from cashier_web import access, looks, metrics, receipts, screens, voices
from cashier_web.addresses import managed_pages, store_path
from cashier_web.calls import Caller, call
from cashier_web.clients import the_timeline
from cashier_web.models import Role, Store
from cashier_web.presses import LanguageForm, PressForm
from cashier_web.refusals import Refused, only, refuse


@never_cache
@only("GET", "HEAD")
def screen(request: HttpRequest, slug: str = DEFAULT_STORE) -> HttpResponse:
    """The page that a screen shows for months; everything after its first paint comes over its websocket."""
    paired = screens.of(request)
    store = Store.objects.filter(slug=slug).first()
    if paired and not (store and screens.may_look(request, store, paired)):
        return redirect("pair")  # where it is told what it is now, even if this store is no more
    if store is None:
        raise Http404
    if not screens.may_look(request, store, paired):
        return redirect("pair")
    mark = paired.mark if paired else ""
    ticket = Ticket(store.slug, store.waiting, mark).sign(settings.ENVIRONMENT.cashier_ticket_key)
    path = "/ws/cashier_q" if store.slug == DEFAULT_STORE else f"/ws/cashier_q/{store.slug}"
    context = {
        "store": store,
        "websocket": f"{path}?ticket={ticket}",
        "manifest_path": store_path("manifest", store),
        **message.context(store.waiting),
        "look": looks.of(store, paired),
        "voices": voices.addresses(),
    }
    with translation.override(store.language):
        response = render(request, "cashier_web/screen.html", context)
    # Older browsers don't count the page's own websocket as 'self'.
    socket_origin = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    if paired:
        screens.give_cookie(response, request.COOKIES[screens.COOKIE])
    response._csp_update = {"connect-src": [socket_origin]}  # type: ignore[attr-defined]  # django-csp's hook
    return response


@never_cache
@only("GET", "HEAD")
def stores(request: HttpRequest) -> HttpResponse:
    """Where a sign-in leads: to the page of the person's store, or to a choice of several."""
    if not access.is_known(request):
        return redirect_to_login(request.get_full_path())
    pages = {Role.VIEWER: "screen", Role.CASHIER: "till", Role.MANAGER: "buttons"}
    found = access.stores_of(request)
    paths = [(store, store_path(pages[Role(role)], store)) for store, role in found]
    if len(found) == 1 and found[0][1] != Role.VIEWER:  # a screen has no way on from it
        return redirect(paths[0][1])
    return render(request, "cashier_web/stores.html", {"paths": paths})


@never_cache
@only("GET", "HEAD", "POST")
def buttons(request: HttpRequest, slug: str = DEFAULT_STORE) -> HttpResponse:
    """A button per till. Posting `language` changes the language in which the store waits."""
    if request.method != "POST" and not access.is_known(request):
        return redirect_to_login(request.get_full_path())
    store, role = access.role_in(request, slug)
    if request.method != "POST" and role == Role.CASHIER:
        return redirect(store_path("till", store))
    access.require(store, role, Role.MANAGER)
    with translation.override(store.language):
        return change_language(request, store) if request.method == "POST" else show_buttons(request, store)


def button_context(store: Store) -> dict[str, Any]:
    """What every page with buttons needs."""
    return {
        "store": store,
        "tills": store.every_till(),
        "languages": [(code, LANGUAGES[code]) for code in store.languages],
        "press_path": store_path("press", store),
        "screen_path": store_path("screen", store),
    }


def show_buttons(request: HttpRequest, store: Store) -> HttpResponse:
    """The page itself, in the store's language."""
    pages = managed_pages(store) if request.user.is_authenticated else []
    context = {**button_context(store), "buttons_path": store_path("buttons", store), "pages": pages}
    return render(request, "cashier_web/buttons.html", context)


def change_language(request: HttpRequest, store: Store) -> HttpResponse:
    """Remember the language for the store and tell the screens; both or neither."""
    form = LanguageForm(request.POST, store)
    if not form.is_valid():
        return refuse(400, form.reason())
    try:
        with transaction.atomic():
            # Anew, and nobody closes it meanwhile: screens are told both at once.
            store = Store.objects.select_for_update().get(pk=store.pk)
            store.language = form.cleaned_data["language"]
            store.save(update_fields=["language"])
            the_timeline().set_waiting({store.slug: store.waiting})
    except RedisError:
        metrics.REDIS_ERRORS.inc()
        return refuse(503, _("Not changed: the screens can't be reached just now."))
    if not request.headers.get("HX-Request"):
        return redirect(store_path("buttons", store))
    with translation.override(store.language):
        told = {"text": LANGUAGES[store.language], "language": store.language, "starts_in_ms": 0}
        # The page anew, for its words.
        return trigger_client_event(show_buttons(request, store), "receipt", told)


@only("POST")
def cashier_action(request: HttpRequest, slug: str = DEFAULT_STORE) -> HttpResponse:
    """The press: schedule the call, announce it, and answer 204 with a receipt in `HX-Trigger`."""
    store = access.store_for(request, slug, Role.CASHIER)
    with translation.override(store.language):
        form = PressForm(request.POST, store)
        if not form.is_valid():
            return refuse(400, form.reason())
        till, language = form.cleaned_data["cashier"], form.cleaned_data["language"]
        # Asked before: nothing that may fail comes after the call.
        person = request.user
        is_known = not settings.ENVIRONMENT.cashier_open_buttons
        by = Caller("user", person.pk or 0, person.get_username()) if is_known else Caller("user", 0, "")
        try:
            receipt = call(request, store, till, language, by=by, again="again" in request.POST)
        except Refused as refused:
            return refuse(refused.status, refused.reason, refused.retry_after)
        told = {
            "text": receipts.text(receipt, till),
            "language": store.language,
            "outcome": receipt.outcome,
            "seq": receipt.seq,
            "place": receipts.place(receipt.place),
            "starts_in_ms": receipt.starts_in_ms,
            "hold_ms": store.hold_ms,
        }
        return trigger_client_event(HttpResponse(status=204), "receipt", told)
