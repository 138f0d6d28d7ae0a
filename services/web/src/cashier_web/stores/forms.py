"""The form with which people change a store's settings. It gives a reason for each value that it refuses."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cashier_core.call import LANGUAGES
from cashier_web import opening_hours, validators
from cashier_web.infra.lookalikes import LookalikeForm
from cashier_web.models import Store, time_zones
from cashier_web.stores import arrows, labels
from cashier_web.validators import is_one_line

MOST_FURTHER_LANGUAGES = 2
"""How many languages the screens may show between calls besides the store's own language.

With more languages, each language would be shown too rarely.
"""


NO_SUCH_LANGUAGE = {
    "invalid_choice": _("There is no language “%(value)s”. The languages are en, fr, de, es, it, nl, pt, pl and ar.")
}


class PairsField(forms.CharField):
    """A form field with a value for some tills, typed like "4=Pharmacy; 5=12".

    example: a correct value. The error message for a wrong value contains this example.
    """

    def __init__(self, example: str, **options: Any) -> None:
        super().__init__(required=False, **options)
        self._example = example

    def prepare_value(self, value: Any) -> Any:
        return labels.write_pairs(value) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        return labels.parse_pairs(super().to_python(value) or "", self._example)


COLOUR = forms.TextInput({"type": "color"})


class HoursForm(forms.ModelForm):  # type: ignore[type-arg]  # ModelForm takes no type argument at run time
    """The opening hours of a store, and when its screens raise an alarm within these hours."""

    class Meta:
        model = Store
        fields = ["opening_hours", "special_days", "follows_hours", "alarm_minutes"]
        widgets = {
            "opening_hours": forms.TextInput({"placeholder": opening_hours.HOURS_EXAMPLE}),
            "special_days": forms.Textarea({"rows": 3, "placeholder": opening_hours.DAYS_EXAMPLE}),
        }
        help_texts = {
            "opening_hours": _(
                "For example “Mo-Fr 08:00-12:30,14:00-20:00; Sa 09:00-18:00; Su closed”, or “24/7”. Outside of these "
                "hours, screens may be off, and there are no alarms."
            ),
            "special_days": _(
                "Days with other hours, for example “2026-12-24 08:00-14:00; 2026-12-25 to 2026-12-26 closed”."
            ),
            "follows_hours": _(
                "The store opens and closes by its hours. If you open or close it by hand, this holds until its hours "
                "begin or end the next time."
            ),
            "alarm_minutes": _(
                "If a screen shows no calls for this number of minutes within the opening hours, it raises an alarm. "
                "With 0, there are no alarms."
            ),
        }

    def clean_opening_hours(self) -> str:
        return opening_hours.tidy_hours(self.cleaned_data["opening_hours"])

    def clean_special_days(self) -> str:
        return opening_hours.tidy_special_days(self.cleaned_data["special_days"])

    def clean(self) -> dict[str, Any]:
        """Check the fields whose valid values depend on the values of other fields."""
        super().clean()
        hours, days = self.cleaned_data.get("opening_hours"), self.cleaned_data.get("special_days")
        zone = self.cleaned_data.get("time_zone", self.instance.time_zone)
        if hours and days is not None and zone:
            schedule = opening_hours.schedule_of(hours, days, zone)
            if schedule and not opening_hours.opens_at_all(schedule, timezone.now()):
                self.add_error("opening_hours", _("With these hours, the store would never open."))
        if hours == "" and days:
            self.add_error("special_days", _("Write the usual opening hours, too."))
        if hours == "" and self.cleaned_data.get("follows_hours"):
            self.add_error("follows_hours", _("The store has no opening hours."))
        return self.cleaned_data


class StoreForm(HoursForm):
    """The settings of a store in the admin.

    The import of stores.csv uses this form, too, and so refuses the same values.
    """

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [(name, name) for name in time_zones()],
        error_messages={"invalid_choice": _("There is no time zone “%(value)s”.")},
    )
    tills = forms.IntegerField(label=_("Tills"), min_value=1, max_value=99)
    labels = PairsField(
        labels.EXAMPLE,
        label=_("Labels of tills"),
        help_text=_("Names of tills that are not called by their number, for example “4=Pharmacy; 5=12”."),
    )
    arrows = PairsField(
        arrows.EXAMPLE,
        label=_("Arrows"),
        help_text=_("The direction from the screens to a till, for example “4=left; 5=right; 6=ahead”."),
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=list(LANGUAGES.items()),
        error_messages=NO_SUCH_LANGUAGE,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Languages in which cashiers may call."),
    )
    also_waits_in = forms.MultipleChoiceField(
        label=_("Further languages between calls"),
        required=False,
        error_messages=NO_SUCH_LANGUAGE,
        choices=list(LANGUAGES.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("At most two languages, shown in turn with the first one."),
    )
    ink = forms.CharField(label=_("Text colour"), validators=[validators.check_colour], widget=COLOUR)
    ground = forms.CharField(
        label=_("Background colour"),
        validators=[validators.check_colour],
        widget=COLOUR,
        help_text=_("A call exchanges the two colours."),
    )

    class Meta(HoursForm.Meta):
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
            *HoursForm.Meta.fields,
            "also_waits_in",
            "arrows",
            "shows_recent",
            "volume",
            "is_muted",
            "ink",
            "ground",
        ]
        error_messages = {
            "language": NO_SUCH_LANGUAGE,
            "policy": {"invalid_choice": _("Write “queue” or “replace”.")},
        }
        help_texts = {
            **HoursForm.Meta.help_texts,
            "language": _("The language of the screens between calls."),
            "closed_message": _("Shown on the screens while the store is closed. If empty: “We are closed”."),
            "shows_recent": _("Shown in small type at the edge of the screens."),
            "volume": _("The volume of the store's screens. A screen can have its own volume."),
        }

    def clean(self) -> dict[str, Any]:
        """Check the fields whose valid values depend on the values of other fields."""
        super().clean()
        language, languages = self.cleaned_data.get("language"), self.cleaned_data.get("languages")
        if language and languages and language not in languages:
            self.add_error("language", _("The store does not offer this language."))
        for column in ("name", "city", "closed_message"):
            if not is_one_line(self.cleaned_data.get(column, "")):
                self.add_error(column, _("Use one line of text, without control characters."))
        # Only languages besides the store's own language count against the limit of further languages. The store's own
        # language may be among the further languages, because a cashier can change the store's own language on the
        # buttons page at any time.
        if len(set(self.cleaned_data.get("also_waits_in", [])) - {language}) > MOST_FURTHER_LANGUAGES:
            self.add_error("also_waits_in", _("Choose at most two further languages."))
        self._check("labels", labels.check_labels, "labels", "tills")
        self._check("arrows", arrows.check_arrows, "arrows", "tills")
        self._check("ground", validators.check_contrast, "ink", "ground")
        return self.cleaned_data

    def _check(self, column: str, check: Callable[..., None], *columns: str) -> None:
        """Call `check` with the values of the fields `columns`. If `check` finds a fault, refuse the field `column`.

        `check` reports a fault by a ValidationError. If one of the values is missing, `check` is not called, because
        the field without a value is empty or already has an error.
        """
        values = [self.cleaned_data.get(each) for each in columns]
        if not all(values):
            return
        try:
            check(*values)
        except ValidationError as fault:
            self.add_error(column, fault)


class NewStoreForm(StoreForm, LookalikeForm):
    """The form that adds a store in the admin. A slug that resembles the slug of another store must be confirmed."""

    def clean(self) -> dict[str, Any]:
        super().clean()
        self.check_lookalike("slug", Store.objects.values_list("slug", flat=True))
        return self.cleaned_data
