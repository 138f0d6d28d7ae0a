"""On the alarms page, managers see the alarms of their stores, acknowledge and mute them, and choose who is told."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cashier_web.models import Alarm, AlarmContact, AlarmMessage, AlarmMute, Screen, Store

pytestmark = pytest.mark.django_db


@pytest.fixture
def alarms(stores) -> dict[str, Alarm]:
    """An alarm of a screen in each store, and one of all stores."""
    now = timezone.now()
    values = {"begins_at": now - timedelta(minutes=20), "raised_at": now}
    found = {"all": Alarm.objects.create(kind="server", **values)}
    for store in stores:
        screen = Screen.objects.create(store=store, name=f"door of {store.slug}", secret_hash=store.slug)
        found[store.slug] = Alarm.objects.create(
            store=store, screen=screen, screen_name=screen.name, kind="offline", **values
        )
    return found


@pytest.fixture
def administrator(client) -> User:
    root = User.objects.create_superuser("root")
    client.force_login(root)
    return root


def test_a_manager_sees_the_alarms_of_the_own_stores(client, manager_of_north, alarms) -> None:
    AlarmContact.objects.create(store=alarms["south"].store, kind="mail", address="south@example.com")
    page = client.get("/fleet/alarms").content.decode()

    assert "door of north" in page
    assert "door of south" not in page
    assert "lost the server" not in page
    assert "south@example.com" not in page


def test_times_are_those_of_the_store(client, administrator, alarms, stores) -> None:
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    stores[0].time_zone = "Asia/Tokyo"
    stores[0].save()
    Alarm.objects.update(begins_at=noon)
    page = client.get("/fleet/alarms").content.decode()

    assert page.count("11/30/2026 9 p.m.") == 1
    assert page.count("11/30/2026 noon") == 2


def test_an_administrator_sees_all_alarms(client, administrator, alarms) -> None:
    page = client.get("/fleet/alarms").content.decode()

    assert all(text in page for text in ("door of north", "door of south", "lost the server"))


def test_the_page_needs_few_queries_whatever_the_number_of_alarms(
    client, administrator, alarms, django_assert_max_num_queries
) -> None:
    alarm, now = alarms["north"], timezone.now()
    for number in range(30):
        contact = AlarmContact.objects.create(store=alarm.store, kind="mail", address=f"{number}@example.com")
        AlarmMessage.objects.create(
            alarm=alarm, contact=contact, address=contact.address, event="began", made_at=now, due_at=now
        )
    with django_assert_max_num_queries(14):
        client.get("/fleet/alarms")


def test_the_first_person_who_acknowledges_an_alarm_is_named(client, manager_of_north, alarms) -> None:
    number = alarms["north"].pk
    client.post(f"/fleet/alarms/{number}/acknowledge")
    client.force_login(User.objects.create_superuser("root"))
    client.post(f"/fleet/alarms/{number}/acknowledge")

    assert Alarm.objects.get(pk=number).acknowledged_by == "anna"


def test_a_screen_is_muted_and_the_mute_is_ended(client, manager_of_north, alarms) -> None:
    client.post(f"/fleet/alarms/{alarms['north'].pk}/mute", {"hours": "24"})
    mute = AlarmMute.objects.get()
    assert (mute.screen, mute.by) == (alarms["north"].screen, "anna")
    assert timedelta(hours=23) < mute.until - timezone.now() < timedelta(hours=25)
    client.post(f"/fleet/alarms/{alarms['north'].pk}/mute", {"hours": "24"})
    mute = AlarmMute.objects.get()
    assert "Muted alarms" in client.get("/fleet/alarms").content.decode()

    client.post(f"/fleet/alarms/mutes/{mute.pk}/end")
    assert not AlarmMute.objects.exists()


def test_a_mute_of_another_length_is_refused(client, manager_of_north, alarms) -> None:
    response = client.post(f"/fleet/alarms/{alarms['north'].pk}/mute", {"hours": "99999"}, follow=True)

    assert "99999" in response.content.decode()
    assert not AlarmMute.objects.exists()


def test_a_manager_adds_and_removes_a_mail_address(client, manager_of_north) -> None:
    client.post("/fleet/alarms/contacts", {"store": "north", "kind": "mail", "address": "anna@example.com"})
    contact = AlarmContact.objects.get()
    assert (contact.store.slug, contact.kind, contact.address) == ("north", "mail", "anna@example.com")

    client.post(f"/fleet/alarms/contacts/{contact.pk}/remove")
    assert not AlarmContact.objects.exists()


def test_the_secret_of_a_webhook_is_shown_once(client, manager_of_north) -> None:
    values = {"store": "north", "kind": "webhook", "address": "https://hooks.example.com/1"}
    page = client.post("/fleet/alarms/contacts", values).content.decode()
    secret = AlarmContact.objects.get().secret

    assert secret.startswith("whsec_")
    assert secret in page
    assert secret not in client.get("/fleet/alarms").content.decode()


MAIL = {"store": "north", "kind": "mail", "address": "anna@example.com"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"address": "anna"}, "Enter a valid email address."),
        ({"address": "anna@example.com\nbcc: b@example.com"}, "Enter a valid email address."),
        ({"address": "http://hooks.example.com/", "kind": "webhook"}, "Write an address that begins with https://."),
        ({"address": "https://", "kind": "webhook"}, "Enter a valid URL."),
        ({"address": "file:///etc/passwd", "kind": "webhook"}, "Write an address that begins with https://."),
        ({"address": ""}, "This field is required."),
        ({"store": "south"}, "Select a valid choice"),
        ({"store": ""}, "This field is required."),
        ({"kind": "pigeon"}, "Select a valid choice"),
        ({"store": "nowhere"}, "Select a valid choice"),
    ],
)
def test_a_bad_contact_is_refused_with_the_reason(client, manager_of_north, values, reason) -> None:
    response = client.post("/fleet/alarms/contacts", {**MAIL, **values})

    assert response.status_code == 400
    assert reason in response.content.decode()
    assert not AlarmContact.objects.exists()


def test_only_an_administrator_can_allow_private_networks_and_add_a_contact_of_all_stores(
    client, manager_of_north
) -> None:
    webhook = {"store": "north", "kind": "webhook", "address": "http://10.0.0.1/", "may_be_private": "on"}
    assert client.post("/fleet/alarms/contacts", webhook).status_code == 400
    client.post("/fleet/alarms/contacts", {**webhook, "address": "https://hooks.example.com/"})
    assert not AlarmContact.objects.get().may_be_private

    client.force_login(User.objects.create_superuser("root"))
    assert client.post("/fleet/alarms/contacts", {**webhook, "store": ""}).status_code == 200
    assert AlarmContact.objects.get(store=None).may_be_private


def test_a_contact_exists_only_once_and_their_number_is_limited(client, manager_of_north, stores) -> None:
    for number in range(20):
        AlarmContact.objects.create(store=stores[0], kind="mail", address=f"{number}@example.com")

    assert (
        "exists already" in client.post("/fleet/alarms/contacts", {**MAIL, "address": "1@example.com"}).content.decode()
    )
    assert "too many contacts" in client.post("/fleet/alarms/contacts", MAIL).content.decode()


def test_a_failed_message_is_in_the_log_with_its_reason(client, manager_of_north, alarms) -> None:
    now = timezone.now()
    values = {"alarm": alarms["north"], "made_at": now, "due_at": now, "attempts": 3}
    for store, address in ((Store.objects.get(slug="north"), "north"), (None, "chain")):
        contact = AlarmContact.objects.create(store=store, kind="webhook", address=f"https://{address}.example.com/")
        error = f"status 500 of {address}"
        AlarmMessage.objects.create(contact=contact, address=contact.address, event="began", error=error, **values)
    page = client.get("/fleet/alarms").content.decode()

    assert "status 500 of north" in page
    assert "chain" not in page, "a manager may not see the contacts of all stores"
