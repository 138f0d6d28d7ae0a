"""The forms of the pages with buttons: one for a press, and one for a change of the store's language."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from cashier_core.call import LANGUAGES
from cashier_core.till import Till
from cashier_web.models import Store

TILL_NUMBER = re.compile(r"\A[1-9][0-9]{0,3}\Z")
"""The form of a till's number in a press."""


class LanguageForm(forms.Form):
    """The form that chooses a language. `language`: one of the languages that the store offers."""

    language = forms.ChoiceField(
        choices=list(LANGUAGES.items()),
        error_messages={
            "required": _("The request contains no language."),
            "invalid_choice": _("This language is not offered."),
        },
    )

    def __init__(self, data: Any, store: Store) -> None:
        super().__init__(data)
        self._store = store

    def clean_language(self) -> str:
        language: str = self.cleaned_data["language"]
        if language not in self._store.languages:
            raise ValidationError(_("This language is not offered."))
        return language


class PressForm(LanguageForm):
    """The form of a press. `cashier`: the number of a till of the store, in the digits 0 to 9.

    `language`: the language of the call.
    """

    # The field `cashier` is not an IntegerField, because an IntegerField also accepts "+4", " 4 ", "4.0", and the
    # digits of other writing systems, such as Arabic digits.
    cashier = forms.CharField(
        strip=False,
        validators=[RegexValidator(TILL_NUMBER, _("The till must be a plain number: 1, 2, 3, ..."))],
        error_messages={"required": _("The request contains no till.")},
    )
    field_order = ["cashier", "language"]

    def clean_cashier(self) -> Till:
        number = int(self.cleaned_data["cashier"])
        if number > self._store.tills:
            raise ValidationError(_("This store has no till %(till)s.") % {"till": number})
        return self._store.till(number)
