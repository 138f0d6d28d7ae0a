"""The devices' page: a manager makes, renews and revokes what calls in a store without a person."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from cashier_web.accounts import permissions
from cashier_web.infra import tokens
from cashier_web.infra.errors import allow_methods, refuse
from cashier_web.models import Device, Store
from cashier_web.store_urls import managed_pages, store_path
from cashier_web.stores.labels import till_name
from cashier_web.validators import check_name

TAKEN = gettext_lazy("Another device of this store has this name.")


class DeviceForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """`name`: in one line, and no other device's of the store. `till`: the only one that it may call for, or none."""

    till = forms.TypedChoiceField(label=gettext_lazy("Till"), required=False, coerce=int, empty_value=None)

    class Meta:
        model = Device
        fields = ["name", "till"]

    def __init__(self, data: Any, store: Store, device: Device | None = None) -> None:
        super().__init__(data, instance=device or Device(store=store))
        tills = [(till.number, till_name(till)) for till in store.every_till()]
        if (own := self.instance.till) and own > store.tills:  # which the store has no longer, but that is no change
            tills.append((own, str(own)))
        self.fields["till"].choices = [("", _("every till")), *tills]  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        name = check_name(self.cleaned_data["name"])
        if self.instance.store.devices.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise ValidationError(TAKEN)
        return name


@never_cache
@allow_methods("GET", "HEAD", "POST")
@permissions.for_managers
def devices(request: HttpRequest, store: Store) -> HttpResponse:
    """All devices of the store. Posting `name` and `till` makes one, and shows its token this once."""
    if request.method != "POST":
        return show(request, store, DeviceForm(None, store))
    form = DeviceForm(request.POST, store)
    if form.is_valid():
        try:
            with transaction.atomic():
                return show(request, store, DeviceForm(None, store), made=form.instance, token=renew(form.instance))
        except IntegrityError:  # two at once
            form.add_error("name", TAKEN)
    return show(request, store, form, status=400)


@never_cache
@allow_methods("POST")
@permissions.for_managers
def device(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Posting `action`: `renew` gives the device another token, `revoke` takes the one that it has."""
    chosen = get_object_or_404(Device, store=store, pk=number)
    if request.POST.get("action") == "renew":
        return show(request, store, DeviceForm(None, store), made=chosen, token=renew(chosen))
    if request.POST.get("action") != "revoke":
        return refuse(400, _("Revoke, or renew? Neither was sent."))
    if chosen.revoked_at is None:
        chosen.revoked_at = timezone.now()
        chosen.save(update_fields=["revoked_at"])
    messages.success(request, _("Revoked: “%(name)s” calls no more.") % {"name": chosen.name})
    return redirect(store_path("devices", store))


def renew(device: Device) -> str:
    """Save the device with a new token, and return that; the one before is nobody's from now on."""
    token = tokens.new_token()
    device.token_hash, device.revoked_at, device.used_at = tokens.token_hash(token), None, None
    device.save()
    return token


def show(
    request: HttpRequest,
    store: Store,
    form: DeviceForm,
    *,
    made: Device | None = None,
    token: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page; with the token of the device that was just made."""
    rows = [
        {
            "device": each,
            "till": till_name(store.till(each.till)) if each.till else _("every till"),
            "path": store_path("device", store, number=each.pk),
        }
        for each in store.devices.all()
    ]
    told = {
        "store": store,
        "pages": managed_pages(store),
        "path": store_path("devices", store),
        "form": form,
        "rows": rows,
        "made": made,
        "token": token,
        "root": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "cashier_web/devices.html", told, status=status)
