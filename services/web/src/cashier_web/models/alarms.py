"""Alarms: what people are told about screens that show no calls, and who is told.

The foreign keys to stores have no constraint in the database, so that an earlier version, which does not know these
tables, can delete a store.
"""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cashier_web.models.screens import Screen
from cashier_web.models.stores import Store


class AlarmKind(models.TextChoices):
    """What is wrong when an alarm begins."""

    OFFLINE = "offline", _("The screen is offline.")
    NOT_SHOWING = "not_showing", _("The screen is hidden, or paints nothing.")
    MISSING_CALLS = "missing_calls", _("The screen has painted none of the last calls.")
    STORE_OFFLINE = "store_offline", _("All screens of the store are offline.")
    SERVER = "server", _("The screens of all stores have lost the server.")


class EndReason(models.TextChoices):
    """Why an alarm has ended."""

    WELL = "well", _("It works again.")
    REMOVED = "removed", _("The screen was revoked, or belongs to another store now.")
    SWITCHED_OFF = "off", _("The alarms of the store were switched off.")


class Alarm(models.Model):
    """A screen, or a whole store, shows no calls.

    `store` is None if all stores have lost the server. `screen` is None if the alarm is about a whole store or all
    stores. `ends_at` is None as long as the alarm lasts.
    """

    store = models.ForeignKey(
        Store,
        on_delete=models.CASCADE,
        null=True,
        related_name="alarms",
        verbose_name=_("store"),
        db_constraint=False,
    )
    screen = models.ForeignKey(
        Screen, on_delete=models.CASCADE, null=True, related_name="alarms", verbose_name=_("screen")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=AlarmKind.choices)
    # The trouble began at `begins_at`. The alarm was raised later, because short troubles raise no alarm.
    begins_at = models.DateTimeField(_("from"))
    raised_at = models.DateTimeField(_("raised"))
    ends_at = models.DateTimeField(_("until"), null=True)
    end_reason = models.CharField(_("reason of the end"), max_length=8, choices=EndReason.choices, blank=True)
    # The name of the screen when the alarm was raised. Later, the screen may belong to a store of other managers.
    screen_name = models.CharField(_("name of the screen"), max_length=100, blank=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_by = models.CharField(_("acknowledged by"), max_length=150, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["screen"], condition=models.Q(ends_at=None), name="one_alarm_of_a_screen_at_a_time"
            ),
            models.UniqueConstraint(
                fields=["store"],
                condition=models.Q(ends_at=None, screen=None),
                name="one_alarm_of_a_store_at_a_time",
            ),
            # The constraint above does not limit the alarms of all stores, because in SQL NULL equals nothing.
            models.UniqueConstraint(
                fields=["kind"],
                condition=models.Q(ends_at=None, screen=None, store=None),
                name="one_alarm_of_all_stores_at_a_time",
            ),
        ]
        indexes = [models.Index(fields=["ends_at"], name="alarms_by_end")]
        ordering = ["-raised_at", "-pk"]
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")

    def __str__(self) -> str:
        return f"{self.subject} · {self.get_kind_display()}"

    @property
    def subject(self) -> str:
        """The name of what the alarm is about, for people."""
        if self.store is None:
            return gettext("All stores")
        return f"{self.store.name}, {self.screen_name}" if self.screen_id else self.store.name

    @property
    def page_of_screen(self) -> int | None:
        """The number of the screen, if it still belongs to the store."""
        return self.screen.pk if self.screen and self.screen.store_id == self.store_id else None

    @property
    def time_zone(self) -> str:
        """The name of the time zone in which people want to read the times of the alarm."""
        return self.store.time_zone if self.store else "UTC"


class AlarmContact(models.Model):
    """An address that is told about alarms. `store` is None if it is told about the alarms of all stores."""

    class Kind(models.TextChoices):
        MAIL = "mail", _("e-mail")
        WEBHOOK = "webhook", _("webhook")

    store = models.ForeignKey(
        Store,
        on_delete=models.CASCADE,
        null=True,
        related_name="alarm_contacts",
        verbose_name=_("store"),
        db_constraint=False,
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.MAIL)
    address = models.CharField(_("address"), max_length=300)
    # The key with which messages to a webhook are signed. It cannot be stored as a hash, because each signature needs
    # it.
    secret = models.CharField(max_length=100, blank=True, editable=False)
    may_be_private = models.BooleanField(_("may be in a private network"), default=False)
    made_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "address"], name="each_contact_of_a_store_once"),
            # The constraint above allows any number of equal contacts without a store, because in SQL NULL equals
            # nothing.
            models.UniqueConstraint(
                fields=["address"], condition=models.Q(store=None), name="each_contact_of_all_stores_once"
            ),
        ]
        ordering = ["store__name", "address"]
        verbose_name = _("contact for alarms")
        verbose_name_plural = _("contacts for alarms")

    def __str__(self) -> str:
        return self.address


class AlarmMute(models.Model):
    """Until a time, a screen or a store raises no alarms. `screen` is None for a whole store."""

    store = models.ForeignKey(
        Store, on_delete=models.CASCADE, related_name="mutes", verbose_name=_("store"), db_constraint=False
    )
    screen = models.ForeignKey(
        Screen, on_delete=models.CASCADE, null=True, related_name="mutes", verbose_name=_("screen")
    )
    until = models.DateTimeField(_("until"))
    by = models.CharField(_("by"), max_length=150)

    class Meta:
        ordering = ["until"]
        verbose_name = _("mute")
        verbose_name_plural = _("mutes")

    def __str__(self) -> str:
        return f"{self.screen or self.store} · {self.until:%Y-%m-%d %H:%M}"


class AlarmMessage(models.Model):
    """A message to a contact: that an alarm has begun, or that it has ended.

    The message waits until `due_at`. After a failed attempt, `due_at` is later, and `error` is the reason. In the end,
    either `sent_at` or `given_up_at` is set. `contact` is None after the contact was removed.
    """

    class Event(models.TextChoices):
        BEGAN = "began", _("has begun")
        ENDED = "ended", _("has ended")

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="messages", verbose_name=_("alarm"))
    contact = models.ForeignKey(
        AlarmContact, on_delete=models.SET_NULL, null=True, related_name="messages", verbose_name=_("contact")
    )
    address = models.CharField(_("address"), max_length=300)
    event = models.CharField(_("event"), max_length=8, choices=Event.choices)
    made_at = models.DateTimeField(_("made"))
    due_at = models.DateTimeField(_("next attempt"))
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    sent_at = models.DateTimeField(_("sent"), null=True)
    given_up_at = models.DateTimeField(_("given up"), null=True)
    error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alarm", "contact", "event"], name="each_message_to_a_contact_once")
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=models.Q(sent_at=None, given_up_at=None), name="messages_that_wait"
            )
        ]
        ordering = ["-pk"]
        verbose_name = _("message about an alarm")
        verbose_name_plural = _("messages about alarms")

    def __str__(self) -> str:
        return f"{self.address} · {self.get_event_display()}"
