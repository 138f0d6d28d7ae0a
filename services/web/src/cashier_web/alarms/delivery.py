"""Delivers the messages about alarms: mail through the server in EMAIL_URL, and signed requests to webhooks.

A message that cannot be delivered is tried again for a day. A webhook gets its messages in the format of Standard
Webhooks (https://www.standardwebhooks.com): the header `webhook-id` is the same at each attempt, so that a receiver can
recognise a message that it got twice.
"""

import contextlib
import logging
import queue
import smtplib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple

import requests
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Min, QuerySet
from django.utils import timezone
from requests_hardened import Config, Manager
from requests_hardened.ip_filter import InvalidIPAddress
from standardwebhooks import Webhook

from cashier_web.alarms.texts import json_of, mail_of
from cashier_web.models import AlarmContact, AlarmMessage

FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=10), timedelta(hours=1)
RETRY_FOR = timedelta(days=1)
CONTACTS_PER_RUN = 16
"""Messages are sent to so many contacts at the same time, so that a receiver that is slow delays nobody else."""
MESSAGES_PER_CONTACT = 20
"""In one run, a contact gets at most so many messages, one after the other."""
DEADLINE_SECONDS = 20.0
"""A run ends after this time, even if a receiver sends its answer very slowly. A message without an answer is tried
again."""
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0

log = logging.getLogger(__name__)


class Undeliverable(Exception):
    """Raised if an attempt has failed. Its text is the reason."""


class Result(NamedTuple):
    """The result of one attempt. error: the reason of the failure, or ""."""

    message: AlarmMessage
    error: str


def deliver_messages(now: Callable[[], datetime] = timezone.now) -> int:
    """Try to deliver the messages that are due. Returns how many were delivered.

    Each contact gets its messages in their order. After a failure, all its messages wait. Raises a database error.
    """
    give_up_old(now())
    results: queue.Queue[Result] = queue.Queue()
    senders = [Sender(messages, results) for messages in due_messages(now())]
    for sender in senders:
        postpone(sender.messages, now())
        sender.start()
    return sum(note_result(result, now()) for result in results_of(senders, results))


def results_of(senders: Sequence["Sender"], results: "queue.Queue[Result]") -> Iterator[Result]:
    """Yield the results as they arrive, until all senders have ended or DEADLINE_SECONDS have passed."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (any(each.is_busy() for each in senders) and time.monotonic() < deadline) or not results.empty():
        with contextlib.suppress(queue.Empty):
            yield results.get(timeout=0.1)
    for sender in senders:
        if sender.is_busy():
            sender.stop_after_current()
            yield Result(sender.current, f"no answer within {DEADLINE_SECONDS:g} s")


def give_up_old(now: datetime) -> None:
    """Give up the messages that have waited for too long, and those whose contact was removed."""
    waiting = AlarmMessage.objects.filter(sent_at=None, given_up_at=None)
    if given_up := waiting.filter(made_at__lt=now - RETRY_FOR).update(given_up_at=now):
        log.error("messages about alarms were given up after a day: %d", given_up)
    waiting.filter(contact=None).update(given_up_at=now, error="the contact was removed")


def due_messages(now: datetime) -> list[list[AlarmMessage]]:
    """Return the messages that are due, as a list for each contact. The contact that has waited longest comes first."""
    due = AlarmMessage.objects.filter(sent_at=None, given_up_at=None, due_at__lte=now)
    first = due.order_by().values("contact").annotate(first=Min("due_at")).order_by("first", "contact")
    contacts = [each["contact"] for each in first if each["contact"] not in Sender.busy_contacts()][:CONTACTS_PER_RUN]
    of_contact: QuerySet[AlarmMessage] = due.order_by("pk").select_related("contact", "alarm__store", "alarm__screen")
    return [list(of_contact.filter(contact=contact)[:MESSAGES_PER_CONTACT]) for contact in contacts]


def delay_of(attempts: int) -> timedelta:
    """Return the time until the next attempt after so many attempts."""
    doublings = min(attempts - 1, 16)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)


def postpone(messages: Sequence[AlarmMessage], now: datetime) -> None:
    """Make messages due later before they are sent. If the process dies meanwhile, they are not sent again at once."""
    AlarmMessage.objects.filter(pk__in=[each.pk for each in messages]).update(due_at=now + FIRST_DELAY)


def note_result(result: Result, now: datetime) -> bool:
    """Save the result of an attempt. Returns whether the message was delivered."""
    # The message may have been deleted together with its store.
    saved, attempts = AlarmMessage.objects.filter(pk=result.message.pk), result.message.attempts + 1
    if not result.error:
        saved.update(attempts=attempts, sent_at=now, error="")
        return True
    saved.update(attempts=attempts, error=result.error[:300])
    waiting = AlarmMessage.objects.filter(contact=result.message.contact, sent_at=None, given_up_at=None)
    waiting.update(due_at=now + delay_of(attempts))
    return False


class Sender:
    """Sends the messages of one contact, one after the other, in a thread of its own. Stops at the first failure.

    If a receiver sends its answer very slowly, the thread goes on with the current message after the end of the run.
    Until then, no other thread sends messages to this contact.
    """

    _busy: ClassVar[dict[int | None, threading.Thread]] = {}

    def __init__(self, messages: list[AlarmMessage], results: "queue.Queue[Result]") -> None:
        self.messages, self._results = messages, results
        self.current = messages[0]
        self._must_stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarm messages", daemon=True)

    @classmethod
    def busy_contacts(cls) -> set[int | None]:
        """Return the primary keys of the contacts to which a thread is sending messages."""
        return {contact for contact, thread in cls._busy.items() if thread.is_alive()}

    def start(self) -> None:
        self._busy[self.messages[0].contact_id] = self._thread
        try:
            self._thread.start()
        except RuntimeError as fault:  # The process has too many threads.
            self._results.put(Result(self.messages[0], str(fault)))

    def stop_after_current(self) -> None:
        self._must_stop.set()

    def is_busy(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        for message in self.messages:
            self.current = message
            error = self._attempt(message)
            self._results.put(Result(message, error))
            # After the end of the run, nobody would save the results of further messages.
            if error or self._must_stop.is_set():
                return

    def _attempt(self, message: AlarmMessage) -> str:
        try:
            send(message)
        except Undeliverable as fault:
            return str(fault)
        except (OSError, smtplib.SMTPException, ValueError) as fault:
            return f"{type(fault).__name__}: {fault}"
        except Exception as fault:
            log.exception("fault in the delivery of a message")
            return f"{type(fault).__name__}: {fault}"
        return ""


def send(message: AlarmMessage) -> None:
    """Send a message. Must not use the database. Raises Undeliverable, OSError, SMTPException or ValueError."""
    contact = message.contact
    if contact is None:
        raise Undeliverable("the contact was removed")
    # After a restore of a backup, other messages have the same primary keys.
    message_id = f"msg_{message.pk}_{message.made_at.timestamp():.0f}"
    if contact.kind == AlarmContact.Kind.MAIL:
        send_mail(contact.address, message, message_id)
    else:
        send_webhook(contact, json_of(message), message_id)


def send_mail(address: str, message: AlarmMessage, message_id: str) -> None:
    """Send a mail. All attempts have the same Message-ID, so that mail programs show the mail once."""
    if not settings.ENVIRONMENT.email_url:
        raise Undeliverable("EMAIL_URL is not set")
    mail = mail_of(message)
    headers = {"Message-ID": f"<{message_id}@{mail_domain()}>"}
    EmailMessage(mail.subject, mail.text, to=[address], headers=headers).send()


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
