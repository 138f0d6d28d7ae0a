"""The models: stores, who has which role in them, the devices that call, the screens that show, and the calls."""

from functools import cache
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cashier_core.call import LANGUAGES, Policy
from cashier_core.till import Till
from cashier_core.waiting import Waiting


def every_language() -> list[str]:
    return list(LANGUAGES)


@cache
def time_zones() -> list[str]:
    """Names of all zones, of which reading takes some ms."""
    return sorted(available_timezones())


def check_time_zone(name: str) -> None:
    if name not in time_zones():
        raise ValidationError(gettext("There is no time zone “%(name)s”.") % {"name": name})


class Store(models.Model):
    """What the store's pages and presses need to know. The store `default` is made by a migration."""

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    city = models.CharField(_("city"), max_length=100, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=50, default="UTC", validators=[check_time_zone])
    tills = models.PositiveSmallIntegerField(
        _("tills"), default=4, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
    labels = models.JSONField(_("labels of tills"), default=dict, blank=True)  # "4" to "Pharmacy"
    languages = models.JSONField(_("languages"), default=every_language)  # in which cashiers may call
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
            (Policy.QUEUE.value, _("queue: a press waits until the number that is up has had its hold")),
            (Policy.REPLACE.value, _("replace: a press takes the screen at once")),
        ],
        default=Policy.QUEUE.value,
    )
    is_open = models.BooleanField(_("open"), default=True)
    closed_message = models.CharField(_("message when closed"), max_length=120, blank=True)

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
    def waiting(self) -> Waiting:
        """What its screens say while nobody is called."""
        if self.is_open:
            return Waiting(self.language)
        with translation.override(self.language):
            return Waiting(self.language, self.closed_message or gettext("We are closed"))

    def till(self, number: int) -> Till:
        """One of its tills, by number."""
        return Till(number, self.labels.get(str(number), ""))

    def every_till(self) -> list[Till]:
        return [self.till(number) for number in range(1, self.tills + 1)]


class Role(models.IntegerChoices):
    """What a person may do in a store; each may do what those before it may. A superuser may do everything."""

    VIEWER = 1, _("viewer")
    CASHIER = 2, _("cashier")
    MANAGER = 3, _("manager")


class Membership(models.Model):
    """A person's role in one store; a person may have several."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("store"))
    role = models.PositiveSmallIntegerField(_("role"), choices=Role.choices, default=Role.CASHIER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "store"], name="one_role_of_a_person_in_a_store")]
        verbose_name = _("role in a store")
        verbose_name_plural = _("roles in stores")

    def __str__(self) -> str:
        return f"{self.person} · {self.store} · {self.get_role_display()}"


class Device(models.Model):
    """A button, a keypad or a till's software, which calls in its store with a token of its own."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="devices", verbose_name=_("store"))
    name = models.CharField(_("name"), max_length=100)
    till = models.PositiveSmallIntegerField(
        _("till"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )  # the only one that it may call for
    token_hash = models.CharField(_("hash of the token"), max_length=64, unique=True, editable=False)
    made_at = models.DateTimeField(_("made"), auto_now_add=True)
    used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "name"], name="one_name_of_a_device_in_a_store")]
        ordering = ["name"]
        verbose_name = _("device")
        verbose_name_plural = _("devices")

    def __str__(self) -> str:
        return self.name


class Screen(models.Model):
    """A television that was paired: it shows one store, whatever it is restarted with, until it is revoked."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="screens", verbose_name=_("store"))
    name = models.CharField(_("name"), max_length=100)
    secret_hash = models.CharField(_("hash of the cookie"), max_length=64, unique=True, editable=False)
    generation = models.PositiveIntegerField(_("generation"), default=1, editable=False)
    changed_at = models.DateTimeField(_("paired or moved"), default=timezone.now, editable=False)
    seen_at = models.DateTimeField(_("last seen"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "name"],
                condition=models.Q(revoked_at=None),
                name="one_name_of_a_screen_in_a_store",
            )
        ]
        ordering = ["name"]
        verbose_name = _("screen")
        verbose_name_plural = _("screens")

    def __str__(self) -> str:
        return self.name

    @property
    def mark(self) -> str:
        """What its tickets are known by; another one each time that it is moved."""
        return f"{self.pk}.{self.generation}"

    @property
    def revoked_marks(self) -> list[str]:
        """Those whose tickets are good no more."""
        last = self.generation if self.revoked_at else self.generation - 1
        return [f"{self.pk}.{generation}" for generation in range(1, last + 1)]


class PastCall(models.Model):
    """A call, as it was: who pressed, and when it was up."""

    class Outcome(models.TextChoices):
        SHOWN = "shown", _("shown")
        REPLACED = "replaced", _("replaced")
        DROPPED = "dropped", _("dropped")
        CANCELLED = "cancelled", _("taken back")

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="calls", verbose_name=_("store"))
    entry = models.CharField(max_length=32, editable=False)  # its number in Redis's stream
    mark = models.CharField(max_length=64, editable=False)
    seq = models.PositiveIntegerField(_("number"))
    till = models.PositiveSmallIntegerField(_("till"))
    label = models.CharField(_("label"), max_length=20, blank=True)
    language = models.CharField(_("language"), max_length=8)
    again = models.BooleanField(_("again"), default=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("person")
    )
    device = models.ForeignKey(Device, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("device"))
    pressed_at = models.DateTimeField(_("pressed"))
    starts_at = models.DateTimeField(_("shown from"))
    ends_at = models.DateTimeField(_("until"))
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "entry"], name="each_entry_of_the_history_once")]
        indexes = [models.Index(fields=["store", "-pressed_at"], name="calls_of_a_store")]
        ordering = ["-pressed_at", "-seq"]
        verbose_name = _("call")
        verbose_name_plural = _("calls")

    def __str__(self) -> str:
        return f"{self.store} · {self.label or self.till} · {self.pressed_at:%Y-%m-%d %H:%M:%S}"
