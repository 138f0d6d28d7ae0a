"""The history page, which shows a store's calls, newest first, in the store's time zone."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from cashier_core.till import Till
from cashier_web.accounts import permissions
from cashier_web.history.proof_summary import summaries_of
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.infra.form_errors import one_line
from cashier_web.models import PastCall, Store
from cashier_web.store_urls import managed_pages, store_path
from cashier_web.stores.labels import till_name

CALLS_PER_PAGE = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class BeforeForm(forms.Form):
    """The parameters in the address of a history page. The page shows the calls that are older than one given call.

    `pressed`: when the given call was pressed, as a Unix time in milliseconds. `key`: the primary key of the given
    call.
    """

    pressed = forms.IntegerField(min_value=0, max_value=2**43)
    key = forms.IntegerField(min_value=0, max_value=2**62)


@never_cache
@allow_methods("GET", "HEAD")
@permissions.for_managers
def history_page(request: HttpRequest, store: Store) -> HttpResponse:
    """Show one page of calls, with a link to the next page, which has older calls."""
    calls = store.calls.order_by("-pressed_at", "-pk")
    if request.GET:
        form = BeforeForm(request.GET)
        if not form.is_valid():
            return refuse(400, one_line(form))
        pressed = EPOCH + form.cleaned_data["pressed"] * MILLISECOND
        # The database cannot use the index of the calls for a condition with OR. Therefore a first filter without OR,
        # for which the database uses the index, excludes all newer calls.
        calls = calls.filter(pressed_at__lte=pressed).filter(
            Q(pressed_at__lt=pressed) | Q(pressed_at=pressed, pk__lt=form.cleaned_data["key"])
        )
    # Read one call more than the page shows, to find out whether there are older calls.
    found = list(calls[: CALLS_PER_PAGE + 1])
    shown = found[:CALLS_PER_PAGE]
    proofs = summaries_of(shown)
    context = {
        "store": store,
        "pages": managed_pages(store),
        "rows": [(call, till_name(Till(call.till, call.label)), proofs.get(call.pk)) for call in shown],
        "older": older_path(store, found[CALLS_PER_PAGE - 1]) if len(found) > CALLS_PER_PAGE else "",
    }
    return render(request, "cashier_web/history.html", context)


def older_path(store: Store, last: PastCall) -> str:
    """Return the path of the page with the calls that are older than `last`, the last call of the current page."""
    before = {"pressed": (last.pressed_at - EPOCH) // MILLISECOND, "key": last.pk}
    return f"{store_path('history', store)}?{urlencode(before)}"
