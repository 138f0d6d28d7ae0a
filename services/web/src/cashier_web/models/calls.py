"""The call, when it is past."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cashier_web.models.devices import Device
from cashier_web.models.stores import Store


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
    by = models.CharField(_("by"), max_length=150, blank=True)  # what it was called, for when it is no more
    pressed_at = models.DateTimeField(_("pressed"))
    starts_at = models.DateTimeField(_("shown from"))
    ends_at = models.DateTimeField(_("until"))
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices)

    class Meta:
        # By its mark a call is found, which nearly always comes once; with its entry's number it does.
        constraints = [models.UniqueConstraint(fields=["store", "mark", "entry"], name="each_call_once")]
        indexes = [models.Index(fields=["store", "-pressed_at"], name="calls_of_a_store")]
        ordering = ["-pressed_at", "-seq"]
        verbose_name = _("call")
        verbose_name_plural = _("calls")

    def __str__(self) -> str:
        return f"{self.store} · {self.label or self.till} · {self.pressed_at:%Y-%m-%d %H:%M:%S}"
