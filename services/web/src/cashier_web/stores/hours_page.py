"""The hours page, on which a manager changes the opening hours of a store, and opens or closes it by hand."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from cashier_web.accounts import permissions
from cashier_web.infra.errors import allow_methods
from cashier_web.infra.redis_unavailable import message_without_redis
from cashier_web.models import Store
from cashier_web.screens.announce import announce
from cashier_web.store_urls import managed_pages, store_path
from cashier_web.stores.automatic_opening import reschedule
from cashier_web.stores.forms import HoursForm

SHOWN_DAYS = 14


@never_cache
@allow_methods("GET", "HEAD", "POST")
@permissions.for_managers
def hours_page(request: HttpRequest, store: Store) -> HttpResponse:
    """Show the opening hours of the store. A POST changes them."""
    if request.method != "POST":
        return render_hours_page(request, store, HoursForm(instance=store))
    with message_without_redis(request):
        with transaction.atomic():
            locked = permissions.lock_store(store)
            form = HoursForm(request.POST, instance=locked)
            if not form.is_valid():
                return render_hours_page(request, store, form, status=400)
            locked.save(update_fields=[*form.changed_data, *reschedule(locked, form.changed_data)])
            announce([locked])
        messages.success(request, _("The hours were changed."))
    return redirect(store_path("hours", store))


@allow_methods("POST")
@permissions.for_managers
def open_store(request: HttpRequest, store: Store) -> HttpResponse:
    return set_open(request, store, is_open=True)


@allow_methods("POST")
@permissions.for_managers
def close_store(request: HttpRequest, store: Store) -> HttpResponse:
    return set_open(request, store, is_open=False)


def set_open(request: HttpRequest, store: Store, *, is_open: bool) -> HttpResponse:
    """Open or close the store by hand. Its screens show this at once."""
    with message_without_redis(request):
        with transaction.atomic():
            locked = permissions.lock_store(store)
            if locked.is_open != is_open:
                locked.is_open = is_open
                locked.save(update_fields=["is_open"])
                announce([locked])
        messages.success(request, _("The store is open.") if is_open else _("The store is closed."))
    return redirect(store_path("hours", store))


def render_hours_page(request: HttpRequest, store: Store, form: HoursForm, status: int = 200) -> HttpResponse:
    context = {
        "store": store,
        "pages": managed_pages(store),
        "path": store_path("hours", store),
        "open_path": store_path("open_store", store),
        "close_path": store_path("close_store", store),
        "form": form,
        "days": days_of(store, timezone.now()),
    }
    return render(request, "cashier_web/hours.html", context, status=status)


def days_of(store: Store, now: datetime) -> list[tuple[date, str]]:
    """Return the next days, each with its hours; [] without opening hours.

    Hours that end after midnight belong to the day on which they begin.
    """
    if store.schedule is None:
        return []
    today = now.astimezone(ZoneInfo(store.time_zone)).date()
    days = (today + timedelta(days=number) for number in range(SHOWN_DAYS))
    return [(day, store.schedule.times_on(day)) for day in days]
