"""The till page, on which a cashier chooses a till once and then has one large button."""

from django import forms
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from cashier_core.call import DEFAULT_STORE
from cashier_core.till import Till
from cashier_web.accounts import permissions
from cashier_web.calls.buttons import button_context
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.models import Role, Store
from cashier_web.store_urls import store_path

CHOSEN_TILLS = "tills"
"""A key of the session. The value under this key maps the slug of a store to the number of the till that the cashier
has chosen in this store."""


class TillForm(forms.Form):
    """The form that chooses a till. `till`: the number of a till; empty if the cashier wants to choose again."""

    till = forms.IntegerField(required=False, min_value=1)


@never_cache
@allow_methods("GET", "HEAD", "POST")
def till_page(request: HttpRequest, slug: str = DEFAULT_STORE) -> HttpResponse:
    """Show the button of the chosen till, or all tills to choose from. A POST with `till` chooses a till."""
    if request.method != "POST" and not permissions.is_known(request):
        return redirect_to_login(request.get_full_path())
    store = permissions.store_for(request, slug, Role.CASHIER)
    with translation.override(store.language):
        return choose_till(request, store) if request.method == "POST" else render_till_page(request, store)


def choose_till(request: HttpRequest, store: Store) -> HttpResponse:
    """Remember the posted till until the session ends. If the posted number is empty, forget the chosen till."""
    form = TillForm(request.POST)
    number = form.cleaned_data["till"] if form.is_valid() else store.tills + 1
    if number is not None and number > store.tills:
        return refuse(400, _("This store has no such till."))
    chosen = {**request.session.get(CHOSEN_TILLS, {}), store.slug: number}
    request.session[CHOSEN_TILLS] = {slug: number for slug, number in chosen.items() if number}
    return redirect(store_path("till", store))


def render_till_page(request: HttpRequest, store: Store) -> HttpResponse:
    """Render the till page in the active language.

    A view must activate the store's language before it calls this function.
    """
    context = {
        **button_context(store),
        "chosen": chosen_till(request, store),
        "till_path": store_path("till", store),
    }
    return render(request, "cashier_web/till.html", context)


def chosen_till(request: HttpRequest, store: Store) -> Till | None:
    """Return the till that the cashier has chosen in this store.

    Returns None if the cashier has chosen no till, or if the store no longer has this till.
    """
    number = request.session.get(CHOSEN_TILLS, {}).get(store.slug, 0)
    return store.till(number) if 1 <= number <= store.tills else None
