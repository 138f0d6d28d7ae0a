"""What the screens of a store have proven on one day."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from cashier_web.models.stores import Store


class ProofDay(models.Model):
    """The proofs of all calls of a store on one day in the time zone of the store. `fleet/proof_days.py` computes it.

    It is kept when the calls of this day are deleted.
    """

    # Without a constraint in the database, an earlier version, which does not know this table, can delete a store.
    store = models.ForeignKey(
        Store, on_delete=models.CASCADE, related_name="proof_days", verbose_name=_("store"), db_constraint=False
    )
    day = models.DateField(_("day"))
    calls = models.PositiveIntegerField(_("calls"))
    # Calls about which no replica has told anything, for example because no screen was connected.
    unproven = models.PositiveIntegerField(_("calls without proof"))
    # A number is owed to each screen that was connected during the whole call. The columns below count numbers. Numbers
    # on screens that are not paired count only in `unpaired`: any browser tab may be such a screen.
    painted = models.PositiveIntegerField(_("painted"))
    missing = models.PositiveIntegerField(_("missing"))
    unknown = models.PositiveIntegerField(_("without information"))
    unpaired = models.PositiveIntegerField(_("on screens that are not paired"))
    late = models.PositiveIntegerField(_("removed late"))
    early = models.PositiveIntegerField(_("removed early"))
    # How many numbers were painted after which time: {"<bucket>": number}, see fleet/latencies.py.
    paint_buckets = models.JSONField(default=dict)
    worst_paint_ms = models.PositiveIntegerField(null=True)
    worst_removal_ms = models.PositiveIntegerField(null=True)
    # How many numbers are missing on which screen: {"<primary key of the screen>": number}.
    missing_on = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "day"], name="one_proof_of_a_store_and_day")]
        indexes = [models.Index(fields=["day"], name="proofs_by_day")]
        ordering = ["day"]
        verbose_name = _("proof of a day")
        verbose_name_plural = _("proofs of days")

    def __str__(self) -> str:
        return f"{self.store} · {self.day:%Y-%m-%d}"
