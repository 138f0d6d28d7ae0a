"""The alarms page: which alarms there are, who is told about them, and whether the messages were delivered."""

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from cashier_web.alarms.contacts import ContactForm
from cashier_web.fleet.views import for_managers_of_any_store
from cashier_web.infra.errors import allow_methods
from cashier_web.infra.form_errors import one_line
from cashier_web.infra.request_info import HtmxRequest
from cashier_web.models import Alarm, AlarmContact, AlarmMessage, AlarmMute, Store
from cashier_web.screens.watched import is_stale

MOST_SHOWN = 50
"""The number of past alarms and of messages that the page lists."""
MOST_LASTING = 200
"""The number of alarms that have not ended and that the page lists."""


class MuteForm(forms.Form):
    """The form that mutes the subject of an alarm. `hours`: for how many hours."""

    hours = forms.TypedChoiceField(
        choices=[
            (1, gettext_lazy("Mute for 1 hour")),
            (24, gettext_lazy("Mute for 1 day")),
            (168, gettext_lazy("Mute for 1 week")),
        ],
        coerce=int,
    )


@never_cache
@allow_methods("GET", "HEAD")
@for_managers_of_any_store
def alarms_page(request: HtmxRequest, stores: QuerySet[Store]) -> HttpResponse:
    """Show the alarms of the manager's stores, the contacts, and the last messages.

    The page asks this view again every few seconds. The answer to htmx contains only what has not ended.
    """
    if request.htmx:
        return render(request, "cashier_web/_lasting_alarms.html", lasting_alarms(request, stores))
    return render_alarms_page(request, stores, contact_form(request, stores, None))


@never_cache
@allow_methods("POST")
@for_managers_of_any_store
def add_contact(request: HttpRequest, stores: QuerySet[Store]) -> HttpResponse:
    """Add a contact. The answer shows the secret of a webhook, which is never shown again."""
    form = contact_form(request, stores, request.POST)
    try:
        with transaction.atomic():
            if not form.is_valid():
                return render_alarms_page(request, stores, form, status=400)
            contact = form.save()
    except IntegrityError:
        # Somebody else has added the same contact, or deleted the store, at the same time.
        form.add_error("address", _("Something has changed at the same time. Try again."))
        return render_alarms_page(request, stores, form, status=400)
    messages.success(request, _("“%(address)s” will be told about alarms.") % {"address": contact.address})
    if not contact.secret:
        return redirect("alarms")
    return render_alarms_page(request, stores, contact_form(request, stores, None), new_contact=contact)


@allow_methods("POST")
@for_managers_of_any_store
def remove_contact(request: HttpRequest, stores: QuerySet[Store], number: int) -> HttpResponse:
    contact = get_object_or_404(AlarmContact.objects.filter(of_stores(request, stores)), pk=number)
    contact.delete()
    messages.success(request, _("“%(address)s” was removed.") % {"address": contact.address})
    return redirect("alarms")


@allow_methods("POST")
@for_managers_of_any_store
def acknowledge_alarm(request: HttpRequest, stores: QuerySet[Store], number: int) -> HttpResponse:
    """Note that a person takes care of the alarm."""
    get_object_or_404(Alarm.objects.filter(of_stores(request, stores)), pk=number)
    # If two people do this at the same time, the first one counts.
    Alarm.objects.filter(pk=number, acknowledged_at=None).update(
        acknowledged_at=timezone.now(), acknowledged_by=request.user.get_username()
    )
    return redirect("alarms")


@allow_methods("POST")
@for_managers_of_any_store
def mute_alarm(request: HttpRequest, stores: QuerySet[Store], number: int) -> HttpResponse:
    """Raise no further alarms about the subject of this alarm for some time."""
    alarm = get_object_or_404(Alarm.objects.filter(store__in=stores).select_related("store"), pk=number)
    form = MuteForm(request.POST)
    if not form.is_valid():
        messages.error(request, one_line(form))
        return redirect("alarms")
    until = timezone.now() + timedelta(hours=form.cleaned_data["hours"])
    with transaction.atomic():
        AlarmMute.objects.filter(store=alarm.store, screen=alarm.screen).delete()
        AlarmMute.objects.create(
            store=cast(Store, alarm.store), screen=alarm.screen, until=until, by=request.user.get_username()
        )
    return redirect("alarms")


@allow_methods("POST")
@for_managers_of_any_store
def end_mute(request: HttpRequest, stores: QuerySet[Store], number: int) -> HttpResponse:
    get_object_or_404(AlarmMute, store__in=stores, pk=number).delete()
    return redirect("alarms")


def of_stores(request: HttpRequest, stores: QuerySet[Store], prefix: str = "") -> Q:
    """Return the condition for what belongs to these stores.

    For an administrator, the condition also includes what concerns all stores.
    """
    condition = Q(**{f"{prefix}store__in": stores})
    return condition | Q(**{f"{prefix}store": None}) if request.user.is_superuser else condition


def lasting_alarms(request: HttpRequest, stores: QuerySet[Store]) -> dict[str, Any]:
    """Return the alarms and the mutes that have not ended, for the templates."""
    alarms = Alarm.objects.filter(of_stores(request, stores), ends_at=None).select_related("store", "screen")
    lasting = list(alarms[: MOST_LASTING + 1])
    mutes = AlarmMute.objects.filter(store__in=stores, until__gt=timezone.now()).select_related("store", "screen")
    return {
        "is_stale": is_stale(),
        "lasting": lasting[:MOST_LASTING],
        "has_more": len(lasting) > MOST_LASTING,
        "most_lasting": MOST_LASTING,
        "mutes": mutes[:MOST_LASTING],
        "mute_form": MuteForm(),
    }


def contact_form(request: HttpRequest, stores: QuerySet[Store], data: Any) -> ContactForm:
    return ContactForm(data, stores, is_administrator=request.user.is_superuser)


def render_alarms_page(
    request: HttpRequest,
    stores: QuerySet[Store],
    form: ContactForm,
    *,
    new_contact: AlarmContact | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render the alarms page. new_contact: a webhook that was just added, whose secret is shown."""
    alarms = Alarm.objects.filter(of_stores(request, stores)).select_related("store", "screen")
    # A manager may not know the contacts of all stores. The address of a webhook can be a secret.
    sent = AlarmMessage.objects.filter(of_stores(request, stores, "contact__"))
    contacts = AlarmContact.objects.filter(of_stores(request, stores)).select_related("store")
    context = {
        **lasting_alarms(request, stores),
        "past": alarms.exclude(ends_at=None)[:MOST_SHOWN],
        "contacts": contacts,
        "form": form,
        "new_contact": new_contact,
        "messages_about_alarms": sent.select_related("alarm__store", "alarm__screen")[:MOST_SHOWN],
    }
    return render(request, "cashier_web/alarms.html", context, status=status)
