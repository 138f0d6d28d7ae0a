"""The devices page, on which a manager creates and revokes the devices of a store and gives them new tokens."""

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
from cashier_web.infra.errors import allow_methods
from cashier_web.models import Device, Store
from cashier_web.store_urls import managed_pages, store_path
from cashier_web.stores.labels import till_name
from cashier_web.validators import check_name

NAME_TAKEN = gettext_lazy("Another device of this store already has this name.")


class DeviceForm(forms.ModelForm):  # type: ignore[type-arg]  # ModelForm takes no type argument at run time
    """The form of a device. `name`: one line of text; no other device of the store may have the same name.

    `till`: the only till that the device may call for; empty if the device may call for every till.
    """

    till = forms.TypedChoiceField(
        label=gettext_lazy("Till"),
        required=False,
        coerce=int,
        empty_value=None,
        error_messages={"invalid_choice": gettext_lazy("This store has no till “%(value)s”.")},
    )

    class Meta:
        model = Device
        fields = ["name", "till"]

    def __init__(self, data: Any, store: Store, device: Device | None = None) -> None:
        super().__init__(data, instance=device or Device(store=store))
        tills = [(till.number, till_name(till)) for till in store.every_till()]
        if (own_till := self.instance.till) and own_till > store.tills:
            # If the number of tills was reduced, the device may belong to a till that the store no longer has. The form
            # accepts this till, so that the device can be saved unchanged.
            tills.append((own_till, str(own_till)))
        self.fields["till"].choices = [("", _("all tills")), *tills]  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        name = check_name(self.cleaned_data["name"])
        if self.instance.store.devices.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise ValidationError(NAME_TAKEN)
        return name


@never_cache
@allow_methods("GET", "HEAD", "POST")
@permissions.for_managers
def devices_page(request: HttpRequest, store: Store) -> HttpResponse:
    """Show all devices of the store. A POST with `name` and `till` creates a device.

    The response to the POST shows the token of the new device. The token is never shown again.
    """
    if request.method != "POST":
        return render_devices_page(request, store, DeviceForm(None, store))
    try:
        with transaction.atomic():
            form = DeviceForm(request.POST, permissions.lock_store(store))
            token = give_new_token(form.instance) if form.is_valid() else ""
    except IntegrityError:
        # Somebody else has given the same name to another device of this store at the same time. The database refuses a
        # second device with the same name in a store.
        form.add_error("name", NAME_TAKEN)
        token = ""
    if not token:
        return render_devices_page(request, store, form, status=400)
    return render_devices_page(request, store, DeviceForm(None, store), made=form.instance, token=token)


@never_cache
@allow_methods("POST")
@permissions.for_managers
def renew_device(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Give the device a new token, and show the token. The token is never shown again.

    A device that was revoked can call again with the new token.
    """
    with transaction.atomic():
        device = get_object_or_404(store.devices.select_for_update(), pk=number)
        token = give_new_token(device)
    return render_devices_page(request, store, DeviceForm(None, store), made=device, token=token)


@allow_methods("POST")
@permissions.for_managers
def revoke_device(request: HttpRequest, store: Store, number: int) -> HttpResponse:
    """Revoke the device, so that its token is no longer accepted."""
    with transaction.atomic():
        device = get_object_or_404(store.devices.select_for_update(), pk=number)
        if device.revoked_at is None:
            device.revoked_at = timezone.now()
            device.save(update_fields=["revoked_at"])
    messages.success(request, _("“%(name)s” was revoked and can no longer call.") % {"name": device.name})
    return redirect(store_path("devices", store))


def give_new_token(device: Device) -> str:
    """Give the device a new token, save the device, and return the token. The device's old token becomes invalid."""
    token = tokens.new_token()
    device.token_hash, device.revoked_at, device.used_at = tokens.token_hash(token), None, None
    device.save()
    return token


def render_devices_page(
    request: HttpRequest,
    store: Store,
    form: DeviceForm,
    *,
    made: Device | None = None,
    token: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render the devices page. made: a device that has just got a new token, if any. token: this new token."""
    rows = [
        {
            "device": device,
            "till": till_name(store.till(device.till)) if device.till else _("all tills"),
            "renew_path": store_path("renew_device", store, number=device.pk),
            "revoke_path": store_path("revoke_device", store, number=device.pk),
        }
        for device in store.devices.all()
    ]
    context = {
        "store": store,
        "pages": managed_pages(store),
        "path": store_path("devices", store),
        "form": form,
        "rows": rows,
        "made": made,
        "token": token,
        "root": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "cashier_web/devices.html", context, status=status)
