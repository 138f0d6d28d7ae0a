"""The state of each paired screen now, and the times at which screens could not show calls."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _

from cashier_web.models.screens import Screen


class Severity(StrEnum):
    """How bad a state is. The pages give each severity its own colour."""

    GOOD = "good"
    WARNING = "warning"
    """The screen shows calls, but something is wrong; or nobody knows whether it shows calls."""
    BAD = "bad"
    """The screen shows no calls."""
    NONE = "none"


class State(models.TextChoices):
    """What is known about a screen. `fleet/states.py` decides it."""

    SHOWING = "showing", _("showing calls")
    OLD_VERSION = "old_version", _("old version")
    NO_SOUND = "no_sound", _("no sound")
    UNKNOWN = "unknown", _("no information")
    HIDDEN = "hidden", _("hidden")
    NOT_PAINTING = "not_painting", _("not painting")
    OFFLINE = "offline", _("offline")
    LINE_DOWN = "line_down", _("whole store offline")
    ASLEEP = "asleep", _("asleep by schedule")
    NEVER_SEEN = "never_seen", _("never connected")

    @property
    def severity(self) -> Severity:
        return SEVERITIES[self]

    @property
    def explanation(self) -> str:
        """A sentence for managers, which says what the state means and what helps."""
        return str(EXPLANATIONS[self])


SEVERITIES = {
    State.SHOWING: Severity.GOOD,
    State.OLD_VERSION: Severity.WARNING,
    State.NO_SOUND: Severity.WARNING,
    State.UNKNOWN: Severity.WARNING,
    State.HIDDEN: Severity.BAD,
    State.NOT_PAINTING: Severity.BAD,
    State.OFFLINE: Severity.BAD,
    State.LINE_DOWN: Severity.BAD,
    State.ASLEEP: Severity.NONE,
    State.NEVER_SEEN: Severity.NONE,
}
EXPLANATIONS = {
    State.SHOWING: _("The page is visible, and the browser paints it."),
    State.OLD_VERSION: _("The page shows calls, but was not updated. It loads the new version by itself."),
    State.NO_SOUND: _(
        "The page shows calls, but the browser plays no sound. Touch the screen once, and check its loudspeaker."
    ),
    State.UNKNOWN: _("The page is connected, but cannot report whether it shows calls. Restart the browser."),
    State.HIDDEN: _("Another tab or window covers the page."),
    State.NOT_PAINTING: _("The page is connected or was connected, but its browser paints nothing. Restart it."),
    State.OFFLINE: _("The screen has no connection to the server. Check its power and its network."),
    State.LINE_DOWN: _("All screens of the store have lost their connection at the same time. Check the line."),
    State.ASLEEP: _("The screen shows no calls, and need not, because the store is outside of its opening hours."),
    State.NEVER_SEEN: _("The screen was paired, but has not opened its page yet."),
}


class Cause(models.TextChoices):
    """Why a screen could not show calls."""

    HIDDEN = "hidden", _("The page was in the background.")
    NOT_PAINTING = "not_painting", _("The browser painted nothing.")
    SILENT = "silent", _("The page did not report.")
    PAGE_LEFT = "page_left", _("The page or the browser was closed, or has crashed.")
    LINE = "line", _("The whole store was offline.")
    SERVER = "server", _("The server could not be reached, or all stores went offline together.")
    UNKNOWN = "unknown", _("unknown")


class ScreenState(models.Model):
    """The state of a paired screen, and what its page has reported last.

    The table is separate from the table of screens, because the service tasks writes it, and managers change screens.
    """

    screen = models.OneToOneField(
        Screen, on_delete=models.CASCADE, primary_key=True, related_name="now", verbose_name=_("screen")
    )
    state = models.CharField(_("state"), max_length=12, choices=State.choices)
    cause = models.CharField(_("cause"), max_length=12, choices=Cause.choices, blank=True)
    since = models.DateTimeField(_("since"))
    version = models.CharField(_("version of the page"), max_length=16, blank=True)
    browser = models.CharField(_("browser"), max_length=40, blank=True)
    width = models.PositiveIntegerField(_("width"), default=0)
    height = models.PositiveIntegerField(_("height"), default=0)

    class Meta:
        verbose_name = _("state of a screen")
        verbose_name_plural = _("states of screens")

    def __str__(self) -> str:
        return f"{self.screen} · {self.get_state_display()}"

    @property
    def severity(self) -> Severity:
        return State(self.state).severity

    @property
    def explanation(self) -> str:
        return State(self.state).explanation


class Outage(models.Model):
    """A time at which a screen could not show calls. `ends_at` is None as long as it lasts."""

    screen = models.ForeignKey(Screen, on_delete=models.CASCADE, related_name="outages", verbose_name=_("screen"))
    begins_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True)
    cause = models.CharField(_("cause"), max_length=12, choices=Cause.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["screen"], condition=models.Q(ends_at=None), name="one_outage_of_a_screen_at_a_time"
            )
        ]
        indexes = [
            models.Index(fields=["screen", "-begins_at"], name="outages_of_a_screen"),
            models.Index(fields=["ends_at"], name="outages_by_end"),
        ]
        ordering = ["-begins_at"]
        verbose_name = _("outage")
        verbose_name_plural = _("outages")

    def __str__(self) -> str:
        return f"{self.screen} · {self.get_cause_display()}"
