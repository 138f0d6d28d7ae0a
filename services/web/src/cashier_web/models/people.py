"""The roles of people in stores. The accounts of people are in Django's own table."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cashier_web.models.stores import Store


class Role(models.IntegerChoices):
    """What a person may do in a store.

    A cashier may do everything that a viewer may do, and a manager everything that a cashier may do. A superuser may do
    everything in all stores, without a role.
    """

    VIEWER = 1, _("viewer")
    CASHIER = 2, _("cashier")
    MANAGER = 3, _("manager")


class Membership(models.Model):
    """A person's role in one store. A person may have roles in several stores."""

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
