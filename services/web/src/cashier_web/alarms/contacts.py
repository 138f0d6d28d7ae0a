"""The contacts that are told about alarms: how managers add and remove them."""

import base64
import secrets
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, URLValidator
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cashier_web.models import AlarmContact, Store

MOST_CONTACTS = 20
"""The number of contacts that a store, or all stores together, may have."""


class ContactForm(forms.ModelForm):  # type: ignore[type-arg]  # ModelForm takes no type argument at run time
    """The form that adds a contact.

    A manager adds contacts of the own stores. An administrator can also add a contact for the alarms of all stores, and
    allow a webhook in a private network.
    """

    store = forms.ModelChoiceField(
        Store.objects.none(), label=gettext_lazy("Store"), to_field_name="slug", required=False
    )

    class Meta:
        model = AlarmContact
        fields = ["store", "kind", "address", "may_be_private"]
        help_texts = {
            "address": gettext_lazy("For example anna@example.com, or https://hooks.example.com/cashier_q"),
            "may_be_private": gettext_lazy("Only administrators can allow this."),
        }

    def __init__(self, data: Any, stores: QuerySet[Store], *, is_administrator: bool) -> None:
        super().__init__(data)
        store: Any = self.fields["store"]
        store.queryset, store.required = stores, not is_administrator
        store.empty_label = _("all stores") if is_administrator else None
        if not is_administrator:
            del self.fields["may_be_private"]

    def clean(self) -> dict[str, Any]:
        """Check the address, and give a webhook a secret."""
        super().clean()
        values = self.cleaned_data
        kind, address, is_private = values.get("kind"), values.get("address"), values.get("may_be_private", False)
        try:
            if address and kind == AlarmContact.Kind.MAIL:
                EmailValidator()(address)
            elif address and kind == AlarmContact.Kind.WEBHOOK:
                # Without TLS, everybody on the way could read the message.
                if not is_private and not address.startswith("https://"):
                    raise ValidationError(_("Write an address that begins with https://."))
                URLValidator(["http", "https"])(address)
                self.instance.secret = new_secret()
        except ValidationError as fault:
            self.add_error("address", fault)
        if is_private and kind == AlarmContact.Kind.MAIL:
            self.add_error("may_be_private", _("This is for webhooks only."))
        if "store" in values and address:
            others = AlarmContact.objects.filter(store=values["store"])
            if others.filter(address=address).exists():
                self.add_error("address", _("This contact exists already."))
            elif others.count() >= MOST_CONTACTS:
                self.add_error("address", _("There are too many contacts. Remove one first."))
        return values


def new_secret() -> str:
    """Return a new key for signatures, in the form that libraries for Standard Webhooks expect."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
