"""Past calls, and entries of the history that could not be stored as past calls."""

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

    # The calls of a store stay when the store is deleted. Then `store` is None, and `deleted_store` is its slug.
    store = models.ForeignKey(
        Store, on_delete=models.SET_NULL, null=True, related_name="calls", verbose_name=_("store"), db_index=False
    )
    deleted_store = models.CharField(_("deleted store"), max_length=50, default="", db_default="", editable=False)
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
    # What the screens have reported about the call: `ReplicaProof.screens` of each replica, by the replica's id. The
    # replicas tell it a minute after the end of the call. It is None if they have told nothing, for example because the
    # call was cancelled. history/proof_summary.py reads it.
    proof = models.JSONField(_("proof"), null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "mark"], name="each_call_once"),
            # The constraint above allows any number of equal calls without a store, because in SQL NULL equals nothing.
            models.UniqueConstraint(
                fields=["deleted_store", "mark"],
                condition=models.Q(store=None),
                name="each_call_of_a_deleted_store_once",
            ),
        ]
        indexes = [models.Index(fields=["store", "-pressed_at"], name="calls_of_a_store")]
        ordering = ["-pressed_at", "-seq"]
        verbose_name = _("call")
        verbose_name_plural = _("calls")

    def __str__(self) -> str:
        return f"{self.store or self.deleted_store} · {self.label or self.till} · {self.pressed_at:%Y-%m-%d %H:%M:%S}"


class CallOfDeletedStore(PastCall):
    """A past call whose store was deleted. The admin lists these calls, because no store's history page can."""

    class Meta:
        proxy = True
        verbose_name = _("call of a deleted store")
        verbose_name_plural = _("calls of deleted stores")


class UnstoredEntry(models.Model):
    """An entry of the history in Redis, or one of its changes, that cannot be stored as a past call.

    It is kept here, so that an administrator can see it and can store it after the cause was repaired.
    """

    # The hash of the entry's id and of the content. If a worker process dies after it has set an entry aside and before
    # it has removed the entry from Redis, the entry is set aside a second time, and the hash prevents a second row.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    # The id of the entry in Redis. It begins with the time of the change in milliseconds.
    entry_id = models.CharField(_("id in Redis"), max_length=50, editable=False)
    # Bytes instead of text, because the content may be anything, and PostgreSQL's texts cannot contain all bytes.
    content = models.BinaryField(_("content"))
    reason = models.TextField(_("reason"), editable=False)
    set_aside_at = models.DateTimeField(_("set aside"), auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        verbose_name = _("history entry that could not be stored")
        verbose_name_plural = _("history entries that could not be stored")

    def __str__(self) -> str:
        return self.entry_id
