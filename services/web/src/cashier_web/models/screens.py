"""Paired screens."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cashier_web.models.stores import Store


class Screen(models.Model):
    """A television that was paired with a store.

    A cookie in its browser identifies the television. Therefore it shows its store after each restart, until it is
    revoked.
    """

    # `store` is None after the store was deleted. The deletion of a store revokes its screens.
    store = models.ForeignKey(
        Store, on_delete=models.SET_NULL, null=True, related_name="screens", verbose_name=_("store")
    )
    name = models.CharField(_("name"), max_length=100)
    secret_hash = models.CharField(_("hash of the cookie"), max_length=64, unique=True, editable=False)
    generation = models.PositiveIntegerField(_("generation"), default=1, editable=False)
    changed_at = models.DateTimeField(_("paired or moved"), default=timezone.now, editable=False)
    volume = models.PositiveSmallIntegerField(
        _("volume in percent"), null=True, blank=True, validators=[MaxValueValidator(100)]
    )  # If the volume is None, the screen has the volume of its store.
    is_muted = models.BooleanField(_("muted"), default=False)
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
    def credential_id(self) -> str:
        """The id of the screen in its tickets. It changes each time the screen is moved to another store.

        Therefore the tickets for the earlier store can be revoked without the tickets for the new store.
        """
        return f"{self.pk}.{self.generation}"

    @property
    def revoked_credential_ids(self) -> list[str]:
        """The credential ids of this screen whose tickets ws must refuse.

        These are all ids that the screen had before its last move. If the screen is revoked, ws must also refuse the
        current id.
        """
        last = self.generation if self.revoked_at else self.generation - 1
        return [f"{self.pk}.{generation}" for generation in range(1, last + 1)]
