"""Devices."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cashier_web.models.stores import Store


class Device(models.Model):
    """A button, a keypad or the software of a till. A device can call in one store only, and has its own token."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="devices", verbose_name=_("store"))
    name = models.CharField(_("name"), max_length=100)
    till = models.PositiveSmallIntegerField(
        _("till"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )  # The only till for which the device may call. If None, the device may call for all tills.
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
