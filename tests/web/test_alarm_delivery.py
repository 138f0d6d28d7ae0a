"""Messages about alarms reach a real mail server and a real receiver of webhooks, once each, even after faults."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from cashier_local.ports import free_port, wait_until
from cashier_web.alarms import delivery
from cashier_web.alarms.contacts import new_secret
from cashier_web.alarms.delivery import deliver_messages
from cashier_web.alarms.watch import add_messages
from cashier_web.infra.mail import mail_settings
from cashier_web.models import Alarm, AlarmContact, AlarmMessage, EndReason, Screen
from tests.support.webhook_receiver import WebhookReceiver, running

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_sender_goes_on():
    """Wait for all senders. The next test uses the same primary keys, by which a sender knows its contact."""
    yield
    wait_until(lambda: not delivery.Sender.busy_contacts(), 20, "all senders have ended")


class Mailbox:
    """What the mail server has received."""

    def __init__(self) -> None:
        self.mails = []

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802  # the library wants this name
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


def use_mail_server(settings, environment, url: str) -> None:
    """Set Django's settings as the service does if EMAIL_URL has this value."""
    environment(email_url=url)
    for name, value in mail_settings(url).items():
        setattr(settings, name, value)
    settings.DEFAULT_FROM_EMAIL = "queue@example.com"


@pytest.fixture
def mailbox(settings, environment):
    """A mail server, and what it has received."""
    box = Mailbox()
    port = free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    use_mail_server(settings, environment, f"smtp://127.0.0.1:{port}")
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
    begins_at = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
    values = {"screen": screen, "screen_name": "door", "kind": "offline", "begins_at": begins_at}
    return Alarm.objects.create(store=north, raised_at=clock.now, end_reason=EndReason.WELL, **values)


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


def test_the_url_of_the_mail_server_says_how_to_sign_in_and_to_encrypt() -> None:
    starttls = mail_settings("smtp://anna%40example.com:a%2Fb@mail.example.com:587/?tls=True")
    tls = mail_settings("smtp://mail.example.com:465/?ssl=True")

    assert (starttls["EMAIL_HOST_USER"], starttls["EMAIL_HOST_PASSWORD"]) == ("anna@example.com", "a/b")
    assert (starttls["EMAIL_HOST"], starttls["EMAIL_PORT"]) == ("mail.example.com", 587)
    assert (starttls["EMAIL_USE_TLS"], starttls["EMAIL_USE_SSL"]) == (True, False)
    assert (tls["EMAIL_PORT"], tls["EMAIL_USE_TLS"], tls["EMAIL_USE_SSL"]) == (465, False, True)


def test_a_mail_says_which_screen_is_offline_since_when_and_where_to_look(mailbox, environment, alarm, clock) -> None:
    environment(cashier_site="https://queue.example.com/")
    begin(alarm, clock, mail_to(alarm))
    assert deliver_messages(clock) == 1
    ((recipients, mail),) = mailbox.mails

    assert recipients == ["anna@example.com"]
    assert (mail["Subject"], mail["From"]) == ("North, door: The screen is offline.", "queue@example.com")
    text = mail.get_content()
    assert "Since 11/30/2026 10:30 a.m. (Europe/Paris)." in text
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
        "North, door: Il fonctionne de nouveau.",
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
        "reason": None,
        "link": None,
    }
    assert (ended["type"], ended["data"]["reason"]) == ("alarm.ended", "well")
    assert ended["data"]["until"] == clock.now.isoformat()


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
    assert AlarmMessage.objects.get(event="ended").sent_at is None

    receiver = WebhookReceiver(port)
    receiver.secret = down.secret
    with running(receiver):
        assert [deliver_messages(clock) for _ in range(2)] == [2, 0]
    assert [content["type"] for _id, content in receiver.messages] == ["alarm.began", "alarm.ended"]
    assert not AlarmMessage.objects.filter(sent_at=None).exists()


@pytest.mark.parametrize("status", [302, 404, 500])
def test_every_status_but_2xx_means_that_the_message_did_not_arrive(alarm, clock, status) -> None:
    with running(WebhookReceiver()) as receiver:
        receiver.status = status
        begin(alarm, clock, webhook_to(alarm, receiver))
        assert deliver_messages(clock) == 0

    assert AlarmMessage.objects.get().error == f"status {status}"


def test_after_a_day_messages_are_given_up(alarm, clock, caplog) -> None:
    down = WebhookReceiver()
    down.server.server_close()
    begin(alarm, clock, webhook_to(alarm, down))
    deliver_messages(clock)
    clock.advance(hours=24, seconds=1)
    deliver_messages(clock)
    message = AlarmMessage.objects.get()

    assert (message.given_up_at, message.attempts) == (clock.now, 1)
    assert "Connection refused" in message.error
    assert "messages about alarms were given up after a day: 1" in caplog.text


def test_after_a_failure_all_messages_of_the_contact_wait(alarm, clock) -> None:
    with running(WebhookReceiver()) as receiver:
        receiver.status = 500
        begin(alarm, clock, contact := webhook_to(alarm, receiver))
        end(alarm, clock, contact)
        deliver_messages(clock)
    messages = AlarmMessage.objects.order_by("pk")

    assert [(each.error, each.attempts) for each in messages] == [("status 500", 1), ("", 0)]
    assert {each.due_at for each in messages} == {clock.now + delivery.FIRST_DELAY}


def test_a_store_that_is_deleted_meanwhile_stops_no_other_message(mailbox, monkeypatch, stores, alarm, clock) -> None:
    south = Alarm.objects.create(store=stores[1], kind="store_offline", begins_at=clock.now, raised_at=clock.now)
    begin(alarm, clock, mail_to(alarm))
    begin(south, clock, mail_to(south, "berta@example.com"))
    postpone = delivery.postpone

    def delete_store(messages, now) -> None:
        postpone(messages, now)
        type(alarm.store).objects.filter(slug="south").delete()

    monkeypatch.setattr(delivery, "postpone", delete_store)
    deliver_messages(clock)
    assert AlarmMessage.objects.get().sent_at == clock.now


def test_a_message_whose_text_cannot_be_written_stops_no_other_message(mailbox, stores, alarm, clock) -> None:
    south = Alarm.objects.create(store=stores[1], kind="store_offline", begins_at=clock.now, raised_at=clock.now)
    type(south.store).objects.filter(pk=south.store_id).update(time_zone="Moon/Crater")
    begin(south, clock, broken := mail_to(south, "berta@example.com"))
    begin(alarm, clock, mail_to(alarm))

    assert deliver_messages(clock) == 1
    assert "Moon/Crater" in AlarmMessage.objects.get(contact=broken).error


def test_a_contact_whose_last_attempt_has_not_ended_gets_no_other_message(monkeypatch, alarm, clock) -> None:
    monkeypatch.setattr(delivery, "DEADLINE_SECONDS", 1)
    with running(WebhookReceiver()) as receiver:
        receiver.gate.clear()
        begin(alarm, clock, contact := webhook_to(alarm, receiver))
        end(alarm, clock, contact)
        deliver_messages(clock)
        clock.advance(hours=1)
        deliver_messages(clock)
        receiver.gate.set()
        wait_until(lambda: not delivery.Sender.busy_contacts(), 20, "the sender has ended")

        assert receiver.arrived.acquire(timeout=10)
        assert not receiver.arrived.acquire(blocking=False)


def test_an_alarm_of_a_screen_that_was_revoked_does_not_say_that_it_works_again(mailbox, alarm, clock) -> None:
    begin(alarm, clock, contact := mail_to(alarm))
    alarm.end_reason = EndReason.REMOVED
    end(alarm, clock, contact)
    deliver_messages(clock)

    _begun, (_to, ended) = mailbox.mails
    assert ended["Subject"] == "North, door: The screen was revoked, or belongs to another store now."


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


def test_receivers_that_answer_too_slowly_delay_no_other_message(mailbox, monkeypatch, alarm, clock) -> None:
    monkeypatch.setattr(delivery, "DEADLINE_SECONDS", 2)
    with running(WebhookReceiver()) as receiver:
        receiver.gate.clear()
        slow = [webhook_to(alarm, receiver, address=f"{receiver.url}/{number}") for number in range(7)]
        begin(alarm, clock, *slow, mail_to(alarm))
        assert deliver_messages(clock) == 1

        # No receiver has answered yet. So all seven get their messages at the same time.
        assert all(receiver.arrived.acquire(timeout=10) for _ in slow)
        receiver.gate.set()
    errors = set(AlarmMessage.objects.filter(contact__in=slow).values_list("error", flat=True))
    assert errors == {"no answer within 2 s"}


def test_without_a_mail_server_the_reason_is_in_the_log_of_messages(environment, alarm, clock) -> None:
    environment(email_url="")
    begin(alarm, clock, mail_to(alarm))
    deliver_messages(clock)

    assert AlarmMessage.objects.get().error == "EMAIL_URL is not set"


def test_if_the_mail_server_cannot_be_reached_the_message_is_tried_again(settings, environment, alarm, clock) -> None:
    use_mail_server(settings, environment, f"smtp://127.0.0.1:{free_port()}")
    begin(alarm, clock, mail_to(alarm))
    deliver_messages(clock)
    message = AlarmMessage.objects.get()

    assert message.error.startswith("ConnectionRefusedError")
    assert message.due_at == clock.now + delivery.FIRST_DELAY


def test_messages_to_a_contact_that_was_removed_are_given_up(alarm, clock) -> None:
    begin(alarm, clock, contact := mail_to(alarm))
    contact.delete()
    deliver_messages(clock)
    message = AlarmMessage.objects.get()

    assert (message.address, message.error) == ("anna@example.com", "the contact was removed")
    assert message.given_up_at == clock.now
