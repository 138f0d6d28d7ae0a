"""Past calls."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from cashier_web.models.stores import Store


class PastCall(models.Model):
    """A past call: who made it, when it was on the screens, and what became of it."""

    class Outcome(models.TextChoices):
        SHOWN = "shown", _("shown")
        REPLACED = "replaced", _("replaced")
        DROPPED = "dropped", _("dropped")
        CANCELLED = "cancelled", _("taken back")

    store = models.ForeignKey(
        Store, on_delete=models.CASCADE, related_name="calls", verbose_name=_("store"), db_index=False
    )
    mark = models.CharField(max_length=64, editable=False)
    seq = models.PositiveIntegerField(_("number"))
    till = models.PositiveSmallIntegerField(_("till"))
    label = models.CharField(_("label"), max_length=20, blank=True)
    language = models.CharField(_("language"), max_length=8)
    again = models.BooleanField(_("again"), default=False)
    # `kind` says whether a person or a device has called. `by` is the name that the person or device had when the call
    # was saved. There is no foreign key to the person, because Django would then search millions of calls whenever a
    # person is deleted.
    kind = models.CharField(
        _("kind"), max_length=6, blank=True, choices=[("user", _("person")), ("device", _("device"))]
    )
    by = models.CharField(_("by"), max_length=150, blank=True)
    pressed_at = models.DateTimeField(_("pressed"))
    starts_at = models.DateTimeField(_("shown from"))
    ends_at = models.DateTimeField(_("until"))
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "mark"], name="each_call_once")]
        indexes = [models.Index(fields=["store", "-pressed_at"], name="calls_of_a_store")]
        ordering = ["-pressed_at", "-seq"]
        verbose_name = _("call")
        verbose_name_plural = _("calls")

    def __str__(self) -> str:
        return f"{self.store} · {self.label or self.till} · {self.pressed_at:%Y-%m-%d %H:%M:%S}"
