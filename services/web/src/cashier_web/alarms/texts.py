"""The texts of messages about alarms: a mail, or the JSON that is sent to a webhook."""

import json
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cashier_web.models import Alarm, AlarmMessage


class Mail(NamedTuple):
    """The subject and the text of a mail."""

    subject: str
    text: str


def mail_of(message: AlarmMessage) -> Mail:
    """Return the mail, in the language and the time zone of the store. Without a store, these are English and UTC."""
    alarm = message.alarm
    language, zone = alarm.store.language if alarm.store else "en", alarm.time_zone
    with translation.override(language), timezone.override(ZoneInfo(zone)):
        begin = date_format(timezone.localtime(alarm.begins_at), "SHORT_DATETIME_FORMAT")
        kind = alarm.get_kind_display()
        if message.event == AlarmMessage.Event.BEGAN:
            subject = f"{alarm.subject}: {kind}"
            lines = [subject, _("Since %(begin)s (%(zone)s).") % {"begin": begin, "zone": zone}]
        else:
            end = date_format(timezone.localtime(alarm.ends_at), "SHORT_DATETIME_FORMAT")
            subject = f"{alarm.subject}: {alarm.get_end_reason_display()}"
            times = {"begin": begin, "end": end, "zone": zone}
            lines = [subject, kind, _("From %(begin)s until %(end)s (%(zone)s).") % times]
        if link := link_of(alarm):
            lines += ["", link]
        return Mail(subject, "\n".join([*lines, ""]))


def json_of(message: AlarmMessage) -> str:
    """Return the JSON for a webhook. docs/alarms.md describes it."""
    alarm, is_end = message.alarm, message.event == AlarmMessage.Event.ENDED
    return json.dumps(
        {
            "type": f"alarm.{message.event}",
            "timestamp": message.made_at.isoformat(),
            "data": {
                "alarm": alarm.pk,
                "kind": alarm.kind,
                "store": alarm.store and {"slug": alarm.store.slug, "name": alarm.store.name},
                "screen": {"number": alarm.screen_id, "name": alarm.screen_name} if alarm.screen_id else None,
                "from": alarm.begins_at.isoformat(),
                "until": alarm.ends_at.isoformat() if is_end and alarm.ends_at else None,
                "reason": alarm.end_reason if is_end else None,
                "link": link_of(alarm) or None,
            },
        }
    )


def link_of(alarm: Alarm) -> str:
    """Return the address of the page about the alarm; "" if the address of the site is not known."""
    site = settings.ENVIRONMENT.cashier_site.rstrip("/")
    if not site:
        return ""
    number = alarm.page_of_screen
    return site + (reverse("fleet_screen", args=[number]) if number else reverse("alarms"))
