"""Messages about alarms reach a real mail server and a real receiver of webhooks, once each, even after faults."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from cashier_local.ports import free_port
from cashier_web.alarms import delivery
from cashier_web.alarms.contacts import new_secret
from cashier_web.alarms.delivery import deliver_messages
from cashier_web.alarms.watch import add_messages
from cashier_web.models import Alarm, AlarmContact, AlarmMessage, Screen
from tests.support.webhook_receiver import WebhookReceiver, running

pytestmark = pytest.mark.django_db


class Mailbox:
    """What the mail server has received."""

    def __init__(self) -> None:
        self.mails = []

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802  # the library wants this name
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


@pytest.fixture
def mailbox(settings, environment):
    """A mail server, and what it has received."""
    box = Mailbox()
    port = free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    environment(email_url=f"smtp://127.0.0.1:{port}")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "queue@example.com"
    yield box
    server.stop()


@pytest.fixture
def clock():
    """A clock that tests set."""

    class Clock:
        now = timezone.now()

        def __call__(self):
            return self.now

        def advance(self, **span: float) -> None:
            self.now += timedelta(**span)

    return Clock()


@pytest.fixture
def alarm(stores, clock) -> Alarm:
    north = stores[0]
    north.time_zone, north.language = "Europe/Paris", "en"
    north.save()
    screen = Screen.objects.create(store=north, name="door", secret_hash="door")
    begin = clock.now.replace(hour=9, minute=30)
    return Alarm.objects.create(store=north, screen=screen, kind="offline", begins_at=begin, raised_at=clock.now)


def mail_to(alarm: Alarm, address: str = "anna@example.com") -> AlarmContact:
    return AlarmContact.objects.create(store=alarm.store, kind="mail", address=address)


def webhook_to(alarm: Alarm, receiver: WebhookReceiver, **values) -> AlarmContact:
    receiver.secret = new_secret()
    values = {"address": receiver.url, "may_be_private": True, "secret": receiver.secret, **values}
    return AlarmContact.objects.create(store=alarm.store, kind="webhook", **values)


def begin(alarm: Alarm, clock, *contacts: AlarmContact) -> None:
    add_messages(alarm, AlarmMessage.Event.BEGAN, contacts, clock.now)


def end(alarm: Alarm, clock, *contacts: AlarmContact) -> None:
    alarm.ends_at = clock.now
    alarm.save()
    add_messages(alarm, AlarmMessage.Event.ENDED, contacts, clock.now)


def test_a_mail_says_which_screen_is_offline_since_when_and_where_to_look(mailbox, environment, alarm, clock) -> None:
    environment(cashier_site="https://queue.example.com/")
    begin(alarm, clock, mail_to(alarm))
    assert deliver_messages(clock) == 1
    ((recipients, mail),) = mailbox.mails

    assert recipients == ["anna@example.com"]
    assert (mail["Subject"], mail["From"]) == ("North, door: The screen is offline.", "queue@example.com")
    text = mail.get_content()
    assert "Since " in text
    assert "10:30 a.m. (Europe/Paris)." in text
    assert f"https://queue.example.com/fleet/screens/{alarm.screen.pk}" in text


def test_the_mail_is_in_the_language_of_the_store(mailbox, alarm, clock) -> None:
    alarm.store.language = "fr"
    alarm.store.save()
    begin(alarm, clock, contact := mail_to(alarm))
    end(alarm, clock, contact)
    deliver_messages(clock)
    deliver_messages(clock)

    assert [mail["Subject"] for _to, mail in mailbox.mails] == [
        "North, door: L’écran est hors ligne.",
        "North, door : fonctionne de nouveau",
    ]


def test_a_webhook_gets_a_signed_message_at_the_begin_and_at_the_end(alarm, clock) -> None:
    with running(WebhookReceiver()) as receiver:
        begin(alarm, clock, contact := webhook_to(alarm, receiver))
        deliver_messages(clock)
        end(alarm, clock, contact)
        deliver_messages(clock)
        deliver_messages(clock)
    (_id, begun), (_other_id, ended) = receiver.messages

    assert _id != _other_id
    assert begun["type"] == "alarm.began"
    assert begun["data"] == {
        "alarm": alarm.pk,
        "kind": "offline",
        "store": {"slug": "north", "name": "North"},
        "screen": {"number": alarm.screen.pk, "name": "door"},
        "from": alarm.begins_at.isoformat(),
        "until": None,
        "link": None,
    }
    assert (ended["type"], ended["data"]["until"]) == ("alarm.ended", clock.now.isoformat())


def test_a_receiver_that_is_down_for_a_while_gets_each_message_once_and_in_order(alarm, clock) -> None:
    port = free_port()
    down = WebhookReceiver(port)
    down.server.server_close()
    begin(alarm, clock, contact := webhook_to(alarm, down))
    end(alarm, clock, contact)
    delays = []
    for _ in range(4):
        assert deliver_messages(clock) == 0
        message = AlarmMessage.objects.get(event="began")
        delays.append((message.due_at - clock.now).total_seconds())
        clock.now = message.due_at
    assert delays == [10, 20, 40, 80]
    assert "Connection refused" in message.error
    assert AlarmMessage.objects.get(event="ended").attempts == 0

    receiver = WebhookReceiver(port)
    receiver.secret = down.secret
    with running(receiver):
        assert [deliver_messages(clock) for _ in range(3)] == [1, 1, 0]
    assert [content["type"] for _id, content in receiver.messages] == ["alarm.began", "alarm.ended"]
    assert not AlarmMessage.objects.filter(sent_at=None).exists()


@pytest.mark.parametrize("status", [302, 404, 500])
def test_every_status_but_2xx_means_that_the_message_did_not_arrive(alarm, clock, status) -> None:
    with running(WebhookReceiver()) as receiver:
        receiver.status = status
        begin(alarm, clock, webhook_to(alarm, receiver))
        assert deliver_messages(clock) == 0

    assert AlarmMessage.objects.get().error == f"status {status}"


def test_after_a_day_a_message_is_given_up_and_the_next_one_is_tried(alarm, clock, caplog) -> None:
    down = WebhookReceiver()
    down.server.server_close()
    begin(alarm, clock, contact := webhook_to(alarm, down))
    end(alarm, clock, contact)
    clock.advance(hours=24)
    deliver_messages(clock)

    assert AlarmMessage.objects.get(event="began").given_up_at == clock.now
    assert "a message about an alarm was given up" in caplog.text
    clock.advance(seconds=1)
    deliver_messages(clock)
    assert AlarmMessage.objects.get(event="ended").attempts == 1


def test_a_webhook_in_a_private_network_needs_the_permission_of_an_administrator(alarm, clock) -> None:
    with running(WebhookReceiver()) as receiver:
        port = receiver.server.server_port
        contacts = [
            webhook_to(alarm, receiver, may_be_private=False, address=f"http://{host}:{port}/")
            for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254", "[::1]")
        ]
        begin(alarm, clock, *contacts)
        assert deliver_messages(clock) == 0

    assert receiver.messages == []
    errors = set(AlarmMessage.objects.values_list("error", flat=True))
    assert errors == {"the address is in a private network: an administrator must allow this"}


def test_a_receiver_that_answers_too_slowly_delays_no_other_message(mailbox, monkeypatch, alarm, clock) -> None:
    with running(WebhookReceiver()) as receiver:
        webhook = webhook_to(alarm, receiver)
        monkeypatch.setattr(delivery, "DEADLINE_SECONDS", 0.5)
        monkeypatch.setattr(delivery, "send_webhook", lambda *arguments: delivery.threading.Event().wait(3))
        begin(alarm, clock, webhook, mail_to(alarm))

        assert deliver_messages(clock) == 1
    assert AlarmMessage.objects.get(contact=webhook).error == "no answer within 0 s"


def test_without_a_mail_server_the_reason_is_in_the_log_of_messages(environment, alarm, clock) -> None:
    environment(email_url="")
    begin(alarm, clock, mail_to(alarm))
    deliver_messages(clock)

    assert AlarmMessage.objects.get().error == "EMAIL_URL is not set"


def test_a_mail_server_that_refuses_the_address_is_tried_again(settings, environment, alarm, clock) -> None:
    port = free_port()
    environment(email_url=f"smtp://127.0.0.1:{port}")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    begin(alarm, clock, mail_to(alarm))
    deliver_messages(clock)

    assert AlarmMessage.objects.get().error.startswith("ConnectionRefusedError")


def test_messages_to_a_contact_that_was_removed_are_given_up(alarm, clock) -> None:
    begin(alarm, clock, contact := mail_to(alarm))
    contact.delete()
    deliver_messages(clock)
    message = AlarmMessage.objects.get()

    assert (message.address, message.error) == ("anna@example.com", "the contact was removed")
    assert message.given_up_at == clock.now
