"""Delivers the messages about alarms: mail through the server in EMAIL_URL, and signed requests to webhooks.

A message that cannot be delivered is tried again for a day. A webhook gets its messages in the format of Standard
Webhooks (https://www.standardwebhooks.com): the header `webhook-id` is the same at each attempt, so that a receiver can
recognise a message that it got twice.
"""

import logging
import smtplib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import requests
from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from requests_hardened import Config, Manager
from requests_hardened.ip_filter import InvalidIPAddress
from standardwebhooks import Webhook

from cashier_web.alarms.texts import Mail, json_of, mail_of
from cashier_web.infra.batches import batches
from cashier_web.models import AlarmContact, AlarmMessage

FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=10), timedelta(hours=1)
TRIED = timedelta(days=1)
"""A message is tried again for this time."""
AT_ONCE = 8
"""The number of messages that are sent at the same time."""
DEADLINE_SECONDS = 20.0
"""An attempt has failed after this time, even if the receiver sends its answer very slowly."""
MOST_SENT = 16
"""The number of messages that are sent in one run. A run must end within a minute (see periodic.LONGEST_SECONDS)."""
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0

log = logging.getLogger(__name__)


class Undeliverable(Exception):
    """Raised if an attempt has failed. Its text is the reason."""


def deliver_messages(now: Callable[[], datetime] = timezone.now) -> int:
    """Try to deliver all messages that are due. Returns how many were delivered.

    Each contact gets its messages about an alarm in their order. Raises a database error.
    """
    total = 0
    for some in batches(due_messages(now()), AT_ONCE):
        attempts = [Attempt(each) for each in some]
        for each in attempts:
            note_attempt(each.message, now())
            each.start()
        for each in attempts:
            total += note_result(each.message, each.result(), now())
    return total


def due_messages(now: datetime) -> list[AlarmMessage]:
    """Return the messages that are due. The end of an alarm waits until its begin was told or given up."""
    waiting = AlarmMessage.objects.filter(sent_at=None, given_up_at=None)
    begins = {(each.alarm_id, each.contact_id) for each in waiting.filter(event=AlarmMessage.Event.BEGAN)}
    due = waiting.filter(due_at__lte=now).order_by("due_at", "pk")
    with_all = due.select_related("contact", "alarm__store", "alarm__screen")[:MOST_SENT]
    return [
        each
        for each in with_all
        if each.event == AlarmMessage.Event.BEGAN or (each.alarm_id, each.contact_id) not in begins
    ]


def note_attempt(message: AlarmMessage, now: datetime) -> None:
    """Save that an attempt begins. If the process dies during the attempt, the next attempt does not follow at once."""
    message.due_at = now + min(FIRST_DELAY * 2 ** min(message.attempts, 16), LONGEST_DELAY)
    message.attempts += 1
    message.save(update_fields=["attempts", "due_at"])


def note_result(message: AlarmMessage, error: str, now: datetime) -> bool:
    """Save the result of an attempt. error: the reason of the failure, or "". Returns whether it was delivered."""
    message.error = error[:300]
    if not error:
        message.sent_at = now
    elif message.contact is None or now - message.made_at >= TRIED:
        message.given_up_at = now
        log.error("a message about an alarm was given up: %s: %s", message.address, error)
    message.save(update_fields=["error", "sent_at", "given_up_at"])
    return not error


class Attempt:
    """Sends one message in a thread of its own, so that a receiver that answers slowly delays no other message."""

    def __init__(self, message: AlarmMessage) -> None:
        self.message = message
        self._error: str | None = None
        # The thread must not use the database, so the texts are made here.
        self._send = sender_of(message)
        self._thread = threading.Thread(target=self._run, name="alarm message", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def result(self) -> str:
        """Wait for the end of the attempt, and return the reason of the failure, or ""."""
        self._thread.join(DEADLINE_SECONDS)
        return f"no answer within {DEADLINE_SECONDS:.0f} s" if self._error is None else self._error

    def _run(self) -> None:
        try:
            self._send()
            self._error = ""
        except Undeliverable as fault:
            self._error = str(fault)
        except (OSError, smtplib.SMTPException, ValueError) as fault:
            self._error = f"{type(fault).__name__}: {fault}"
        except Exception as fault:
            log.exception("fault in the delivery of a message")
            self._error = f"{type(fault).__name__}: {fault}"


def sender_of(message: AlarmMessage) -> Callable[[], None]:
    """Return the function that sends the message."""
    contact, message_id = message.contact, id_of(message)
    if contact is None:
        return refuse_removed
    if contact.kind == AlarmContact.Kind.MAIL:
        mail = mail_of(message)
        return lambda: send_mail(contact.address, mail, f"<{message_id}@{mail_domain()}>")
    body = json_of(message)
    return lambda: send_webhook(contact, body, message_id)


def id_of(message: AlarmMessage) -> str:
    """Return the id of a message. After a restore of a backup, other messages have the same primary keys."""
    return f"msg_{message.pk}_{message.made_at.timestamp():.0f}"


def refuse_removed() -> None:
    raise Undeliverable("the contact was removed")


def send_mail(address: str, mail: Mail, message_id: str) -> None:
    """Send a mail. All attempts have the same Message-ID, so that mail programs show the mail once."""
    if not settings.ENVIRONMENT.email_url:
        raise Undeliverable("EMAIL_URL is not set")
    EmailMessage(mail.subject, mail.text, to=[address], headers={"Message-ID": message_id}).send()


def mail_domain() -> str:
    return str(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2].strip(" >") or "localhost"


def send_webhook(contact: AlarmContact, body: str, message_id: str) -> None:
    """Send a signed request. Every status from 200 to 299 means that the receiver has the message.

    The address of a private network is refused, unless an administrator has allowed this for the contact: otherwise a
    manager could send requests to services that only this network can reach. requests-hardened checks the address to
    which the name is resolved, and connects to this address. Redirects are not followed.
    """
    sent_at = timezone.now()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(contact.secret).sign(message_id, sent_at, body),
    }
    config = Config(
        ip_filter_enable=not contact.may_be_private,
        ip_filter_allow_loopback_ips=False,
        never_redirect=True,
        default_timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
        user_agent_override="cashier_q",
    )
    with Manager(config).get_session() as session:
        # With proxies of the environment, the proxy would choose the address, and nobody would check it.
        session.trust_env = False
        try:
            # The body of the answer is not read.
            answer = session.post(contact.address, data=body.encode(), headers=headers, stream=True)
        except InvalidIPAddress:
            raise Undeliverable("the address is in a private network: an administrator must allow this") from None
        except requests.RequestException as fault:
            raise Undeliverable(f"{type(fault).__name__}: {fault}") from None
        answer.close()
    if not 200 <= answer.status_code < 300:
        raise Undeliverable(f"status {answer.status_code}")
