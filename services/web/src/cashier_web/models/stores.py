"""Stores."""

from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cashier_core.call import DEFAULT_STORE, LANGUAGES, Policy
from cashier_core.till import Till
from cashier_web import validators
from cashier_web.opening_hours import Schedule, schedule_of


def usual_languages() -> list[str]:
    """The languages of a new store. There are only two, so that cashiers need not choose from a long list."""
    return ["en", "fr"]


@cache
def time_zones() -> list[str]:
    """The names of all time zones. They are cached, because reading them takes some milliseconds."""
    # "Factory" and "localtime" are not real time zones. Browsers do not know them, so a store cannot choose them.
    return sorted(available_timezones() - {"Factory", "localtime"})


def check_time_zone(name: str) -> None:
    """Raise ValidationError if `name` is not the name of a time zone."""
    if name not in time_zones():
        raise ValidationError(gettext("There is no time zone “%(name)s”.") % {"name": name})


class DefaultStoreError(models.ProtectedError):
    """Raised by every attempt to delete the default store. Nothing is deleted."""

    def __init__(self, store: "Store") -> None:
        super().__init__(default_store_reason(), {store})


def default_store_reason() -> str:
    """Return the reason why the default store cannot be deleted, in the active language."""
    return gettext("The default store cannot be deleted, because the pages at “/” belong to it. You can close it.")


class StoreQuerySet(models.QuerySet["Store"]):
    """A set of stores that can be deleted only if the default store is not among them."""

    def delete(self) -> tuple[int, dict[str, int]]:
        # This check comes before the signal `pre_delete` of every store. Otherwise, the signal of another store in this
        # set could revoke the screens of that store in Redis. A rollback of the database does not undo this.
        if default := self.filter(slug=DEFAULT_STORE).first():
            raise DefaultStoreError(default)
        return super().delete()

    # Django's own method has these two attributes, too. Without them, `Store.objects.delete()` would exist, and
    # templates could call the method.
    delete.alters_data = delete.queryset_only = True  # type: ignore[attr-defined]


class Store(models.Model):
    """A store and its settings. A migration creates the store `default`, whose pages are at `/`."""

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    city = models.CharField(_("city"), max_length=100, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=50, default="UTC", validators=[check_time_zone])
    tills = models.PositiveSmallIntegerField(
        _("tills"), default=4, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
    # The labels of tills, by the till's number, for example {"4": "Pharmacy"}.
    labels = models.JSONField(_("labels of tills"), default=dict, blank=True)
    # The languages in which cashiers may call.
    languages = models.JSONField(_("languages"), default=usual_languages)
    language = models.CharField(_("language"), max_length=8, choices=list(LANGUAGES.items()), default="en")
    hold_seconds = models.DecimalField(
        _("hold in seconds"),
        max_digits=4,
        decimal_places=1,
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
    )
    policy = models.CharField(
        _("policy"),
        max_length=8,
        choices=[
            (
                Policy.QUEUE.value,
                _("queue: a press waits until the number on the screen has been shown for its full time"),
            ),
            (Policy.REPLACE.value, _("replace: a press replaces the number on the screen at once")),
        ],
        default=Policy.QUEUE.value,
    )
    is_open = models.BooleanField(_("open"), default=True)
    closed_message = models.CharField(_("message when closed"), max_length=120, blank=True)

    # Texts that cashier_web/opening_hours.py reads. A store without opening hours is always within its hours.
    opening_hours = models.CharField(_("opening hours"), max_length=300, blank=True, default="", db_default="")
    special_days = models.CharField(_("special days"), max_length=2000, blank=True, default="", db_default="")
    # Whether the store is opened and closed when its opening hours begin and end.
    follows_hours = models.BooleanField(_("automatic opening and closing"), default=False, db_default=False)
    # The next time at which the opening hours begin or end; None if the store has no hours, or they never change.
    changes_at = models.DateTimeField(null=True, editable=False)
    # The last or the present time outside of the opening hours ends at this time; None if there was no such time.
    asleep_until = models.DateTimeField(null=True, editable=False)
    # A screen that shows no calls for this time raises an alarm.
    alarm_minutes = models.PositiveSmallIntegerField(
        _("minutes until an alarm"), default=10, db_default=10, validators=[MaxValueValidator(240)]
    )

    # The further languages of "Please wait". Between calls, the screens show "Please wait" in `language`, and then in
    # each language of this field.
    also_waits_in = models.JSONField(_("further languages between calls"), default=list, blank=True)
    # The directions of the arrows for tills, by the till's number, for example {"4": "left"}.
    arrows = models.JSONField(_("arrows"), default=dict, blank=True)
    shows_recent = models.BooleanField(_("shows the last three calls"), default=False)
    volume = models.PositiveSmallIntegerField(_("volume in percent"), default=70, validators=[MaxValueValidator(100)])
    is_muted = models.BooleanField(_("muted"), default=False)
    ink = models.CharField(_("text colour"), max_length=7, default="#ffffff", validators=[validators.check_colour])
    ground = models.CharField(
        _("background colour"), max_length=7, default="#000000", validators=[validators.check_colour]
    )
    logo = models.FileField(_("logo"), blank=True, editable=False)
    # A number that is incremented when the store's media, its logo or the sound of one of its screens are changed. The
    # new number changes the appearance id, so the screens load their new appearance.
    revision = models.PositiveIntegerField(default=0, editable=False)

    objects = StoreQuerySet.as_manager()

    class Meta:
        ordering = ["name", "slug"]
        verbose_name = _("store")
        verbose_name_plural = _("stores")

    def __str__(self) -> str:
        return self.name

    @property
    def hold_ms(self) -> int:
        return int(self.hold_seconds * 1000)

    @property
    def schedule(self) -> Schedule | None:
        """The schedule of the store; None if it has no opening hours."""
        return schedule_of(self.opening_hours, self.special_days, self.time_zone)

    def is_asleep(self, now: datetime) -> bool:
        """Whether the store is outside of its opening hours. Its screens may then be off.

        A store can be open outside of its hours, and closed within them, because people open and close it by hand.
        """
        return self.asleep_until is not None and now < self.asleep_until

    def till(self, number: int) -> Till:
        """The till with this number, and its label if it has one."""
        return Till(number, self.labels.get(str(number), ""))

    def every_till(self) -> list[Till]:
        return [self.till(number) for number in range(1, self.tills + 1)]
