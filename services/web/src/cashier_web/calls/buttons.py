"""The buttons page of a store. The views show the page, accept presses, and change the store's language."""

from typing import Any

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
from cashier_core.till import Till
from cashier_web.accounts import permissions
from cashier_web.calls.failover import repeat_during_failover
from cashier_web.calls.forms import TILL_NUMBER, LanguageForm, PressForm
from cashier_web.calls.receipts import ordinal_place, receipt_text
from cashier_web.calls.schedule import Caller, schedule_call
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.infra.form_errors import one_line
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.infra.redis_unavailable import redis_unavailable, refuse_without_redis
from cashier_web.infra.request_info import HtmxRequest
from cashier_web.models import Role, Store
from cashier_web.press_data.lookup import Lookup, with_lookup
from cashier_web.screens import appearance
from cashier_web.store_urls import managed_pages, store_path
from cashier_web.stores.labels import till_name


@never_cache
@allow_methods("GET", "HEAD", "POST")
def buttons_page(request: HtmxRequest, slug: str = DEFAULT_STORE) -> HttpResponse:
    """Show the page with a button for each till. A POST with `language` changes the language of the store."""
    if request.method != "POST" and not permissions.is_known(request):
        return redirect_to_login(request.get_full_path())
    store, role = permissions.role_in(request, slug)
    if request.method != "POST" and role == Role.CASHIER:
        return redirect(store_path("till", store))
    permissions.require(store, role, Role.MANAGER)
    with translation.override(store.language):
        return change_language(request, store) if request.method == "POST" else render_buttons_page(request, store)


def button_context(store: Store) -> dict[str, Any]:
    """Return the template context that every page with buttons needs."""
    return {
        "store": store,
        "tills": store.every_till(),
        "languages": [(code, LANGUAGES[code]) for code in store.languages],
        "press_path": store_path("press", store),
        "screen_path": store_path("screen", store),
    }


def render_buttons_page(request: HttpRequest, store: Store) -> HttpResponse:
    """Render the buttons page in the active language.

    A view must activate the store's language before it calls this function.
    """
    pages = managed_pages(store) if request.user.is_authenticated else []
    context = {**button_context(store), "buttons_path": store_path("buttons", store), "pages": pages}
    return render(request, "cashier_web/buttons.html", context)


def change_language(request: HtmxRequest, store: Store) -> HttpResponse:
    """Save the store's new language, and send it to the screens. If Redis does not answer, nothing is saved."""
    with (
        refuse_without_redis(_("The language was not changed, because the screens cannot be reached at the moment.")),
        transaction.atomic(),
    ):
        # Without the lock, an administrator could remove the language from the store after it was checked. The message
        # to the screens also says whether the store is open, and another request could open or close the store.
        store = permissions.lock_store(store)
        form = LanguageForm(request.POST, store)
        if not form.is_valid():
            return refuse(400, one_line(form))
        store.language = form.cleaned_data["language"]
        store.save(update_fields=["language"])
        the_timeline().set_idle({store.slug: appearance.idle_of(store)})
    if not request.htmx:
        return redirect(store_path("buttons", store))
    with translation.override(store.language):
        receipt = {"text": LANGUAGES[store.language], "language": store.language, "starts_in_ms": 0}
        # The answer to a change of language contains the whole buttons page. htmx takes only the texts in the new
        # language from this page, and does not replace the buttons.
        return trigger_client_event(render_buttons_page(request, store), "receipt", receipt)


@allow_methods("POST")
def cashier_action(request: HttpRequest, slug: str = DEFAULT_STORE) -> HttpResponse:
    """Accept a press. Schedules and announces the call, and answers 204 with a receipt in the header `HX-Trigger`.

    The view needs no database, so that cashiers can press while the database is away.
    """
    try:
        return repeat_during_failover(lambda: with_lookup(lambda lookup: press(request, slug, lookup)), request)
    except RedisError as fault:
        # The store is not known, so the reason is in the language of the browser, and names the till by its number.
        number = request.POST.get("cashier", "")
        if not TILL_NUMBER.fullmatch(number):
            raise
        reason = _("%(till)s was not called: the screens cannot be reached at the moment.")
        raise redis_unavailable(reason % {"till": till_name(Till(int(number), ""))}, fault) from None


def press(request: HttpRequest, slug: str, lookup: Lookup) -> HttpResponse:
    """Check a press, and schedule the call. Raises StaleDocument if something has changed since it was checked."""
    store, person = permissions.presser_in(request, slug, lookup)
    with translation.override(store.language):
        form = PressForm(request.POST, store)
        if not form.is_valid():
            return refuse(400, one_line(form))
        till, language = form.cleaned_data["cashier"], form.cleaned_data["language"]
        by = Caller("user", person.pk, person.username) if person else Caller("user", 0, "")
        # After the call is scheduled, no step may fail. Otherwise the cashier would be told that the press has failed,
        # although the call was made.
        receipt = schedule_call(request, store, till, language, by=by, lookup=lookup, again="again" in request.POST)
        params = {
            "text": receipt_text(receipt, till),
            "language": store.language,
            "outcome": receipt.outcome,
            "seq": receipt.seq,
            "place": ordinal_place(receipt.place),
            "starts_in_ms": receipt.starts_in_ms,
            "hold_ms": store.hold_ms,
        }
        return trigger_client_event(HttpResponse(status=204), "receipt", params)
