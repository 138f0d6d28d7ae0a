"""Tokens with which the programs of an operator read the states of all screens."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class OperatorToken(models.Model):
    """A token that may only read, and only what /api/v1/fleet/ shows. An administrator creates it in the admin."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    token_hash = models.CharField(_("hash of the token"), max_length=64, unique=True, editable=False)
    made_at = models.DateTimeField(_("made"), auto_now_add=True)
    used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = _("operator token")
        verbose_name_plural = _("operator tokens")

    def __str__(self) -> str:
        return self.name
