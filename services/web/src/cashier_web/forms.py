"""The forms: what a press, a language change and a store may say, and the reason for whatever they may not."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from cashier_core.call import LANGUAGES
from cashier_core.till import Till
from cashier_web import labels
from cashier_web.models import Store, time_zones
from cashier_web.names import is_one_line


class LanguageForm(forms.Form):
    """`language`: one that the store offers."""

    language = forms.ChoiceField(
        choices=list(LANGUAGES.items()),
        error_messages={
            "required": _("Which language? None was sent."),
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

    def reason(self) -> str:
        """Why the form isn't valid, as one line of text."""
        return " ".join(str(message) for messages in self.errors.values() for message in messages)


class PressForm(LanguageForm):
    """`cashier`: a till of the store, 1..n, in plain decimal digits; `language`: of the call."""

    # Not an IntegerField, which also takes "+4", " 4 ", "4.0" and the digits of every script.
    cashier = forms.CharField(
        strip=False,
        validators=[RegexValidator(r"\A[1-9][0-9]{0,3}\Z", _("A till is a plain number: 1, 2, 3, ..."))],
        error_messages={"required": _("Which till? None was sent.")},
    )
    field_order = ["cashier", "language"]

    def clean_cashier(self) -> Till:
        number = int(self.cleaned_data["cashier"])
        if number > self._store.tills:
            raise ValidationError(_("This store has no till %(till)s.") % {"till": number})
        return self._store.till(number)


class LabelsField(forms.CharField):
    """Labels of tills as people type them."""

    def prepare_value(self, value: Any) -> Any:
        return labels.text(value) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        return labels.parse(super().to_python(value) or "")


class StoreForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """A store as the admin and `stores.csv` have it; both refuse the same."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(name, name) for name in time_zones()],
        error_messages={"invalid_choice": _("There is no time zone “%(value)s”.")},
    )
    labels = LabelsField(
        label=_("Labels of tills"),
        required=False,
        help_text=_("Where a till isn't called by its number: “4=Pharmacy; 5=12”."),
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=list(LANGUAGES.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("In which cashiers may call."),
    )

    class Meta:
        model = Store
        fields = [
            "slug",
            "name",
            "city",
            "time_zone",
            "tills",
            "labels",
            "languages",
            "language",
            "hold_seconds",
            "policy",
            "is_open",
            "closed_message",
        ]
        help_texts = {
            "language": _("In which its screens wait."),
            "closed_message": _("On its screens while it is closed; if empty, “We are closed”."),
        }

    def clean(self) -> dict[str, Any]:
        """What one field can't tell alone."""
        super().clean()
        language, languages = self.cleaned_data.get("language"), self.cleaned_data.get("languages")
        if language and languages and language not in languages:
            self.add_error("language", _("This language is not among those that the store offers."))
        for column in ("name", "city", "closed_message"):
            if not is_one_line(self.cleaned_data.get(column, "")):
                self.add_error(column, _("Only letters, in one line."))
        tills, named = self.cleaned_data.get("tills"), self.cleaned_data.get("labels")
        if tills and named:
            try:
                labels.check(named, tills)
            except ValidationError as fault:
                self.add_error("labels", fault)
        return self.cleaned_data
