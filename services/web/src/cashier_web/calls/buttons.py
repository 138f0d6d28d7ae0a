"""The views: a store's screen, its buttons, the press and the change of language."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django_htmx.http import trigger_client_event
from redis.exceptions import RedisError

from cashier_core.call import DEFAULT_STORE, LANGUAGES
from cashier_web.accounts import permissions
from cashier_web.calls import receipts
from cashier_web.calls.forms import LanguageForm, PressForm
from cashier_web.calls.schedule import Caller, call
from cashier_web.infra import metrics
from cashier_web.infra.errors import Refused, only, refuse
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.models import Role, Store
from cashier_web.screens import appearance
from cashier_web.store_urls import managed_pages, store_path


@never_cache
@only("GET", "HEAD", "POST")
def buttons(request: HttpRequest, slug: str = DEFAULT_STORE) -> HttpResponse:
    """A button per till. Posting `language` changes the language in which the store waits."""
    if request.method != "POST" and not permissions.is_known(request):
        return redirect_to_login(request.get_full_path())
    store, role = permissions.role_in(request, slug)
    if request.method != "POST" and role == Role.CASHIER:
        return redirect(store_path("till", store))
    permissions.require(store, role, Role.MANAGER)
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
            the_timeline().set_idle({store.slug: appearance.idle_of(store)})
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
    store = permissions.store_for(request, slug, Role.CASHIER)
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
