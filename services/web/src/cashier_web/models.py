"""The store: one queue of customers, several tills."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cashier_core.call import LANGUAGES, Policy


class Store(models.Model):
    """What the store's pages and presses need to know. The store `default` is made by a migration."""

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    tills = models.PositiveSmallIntegerField(
        _("tills"), default=4, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
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

    class Meta:
        ordering = ["name"]
        verbose_name = _("store")
        verbose_name_plural = _("stores")

    def __str__(self) -> str:
        return self.name

    @property
    def hold_ms(self) -> int:
        return int(self.hold_seconds * 1000)
