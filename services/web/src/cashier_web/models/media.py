"""Pictures and videos."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cashier_web.models.stores import Store


class Medium(models.Model):
    """A picture or a video. Between calls, the screens of a store show its media one after the other."""

    class Kind(models.TextChoices):
        PICTURE = "picture", _("picture")
        VIDEO = "video", _("video")

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="media", verbose_name=_("store"))
    file = models.FileField(_("file"), editable=False)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices, editable=False)
    position = models.PositiveSmallIntegerField(_("position"), editable=False)
    seconds = models.PositiveSmallIntegerField(
        _("seconds"), default=10, validators=[MinValueValidator(3), MaxValueValidator(120)]
    )  # The time in seconds for which a picture is shown. A video is shown until its end.
    made_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = _("medium")
        verbose_name_plural = _("media")

    def __str__(self) -> str:
        return f"{self.store} · {self.get_kind_display()} {self.position}"
