"""The audit log contains every change of stores, people, devices, screens and media.

An entry says who made the change, and contains the old and the new values.
"""

import io

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import call_command

from cashier_web.models import Device, Medium, Screen
from cashier_web.press_data.changes import restore_documents

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_log(manager) -> None:
    LogEntry.objects.all().delete()


def logged() -> list[tuple]:
    return [(str(each.actor), each.get_action_display(), each.object_repr) for each in LogEntry.objects.order_by("pk")]


def test_changes_in_the_admin_are_logged(admin_client, store) -> None:
    LogEntry.objects.all().delete()
    chosen = {"_selected_action": [store.pk]}
    admin_client.post("/admin/cashier_web/store/", {"action": "close_stores", **chosen}, follow=True)

    assert logged() == [("admin", "update", str(store))]
    assert LogEntry.objects.get().changes == {"is_open": ["True", "False"]}
    page = admin_client.get("/admin/auditlog/logentry/")
    assert page.status_code == 200
    assert "is_open" in page.content.decode()


def test_changes_on_the_pages_of_a_store_are_logged(client, manager, store) -> None:
    client.post("/devices", {"name": "Button"})
    device = Device.objects.get()
    client.post(f"/devices/{device.pk}/revoke")
    client.post("/people", {"username": "berta", "role": "2"})
    client.post("/cashier_buttons", {"language": "fr"})
    medium = Medium.objects.create(store=store, kind="picture", file="1/a.jpg", position=1)
    client.post(f"/media/{medium.pk}/delete")
    screen = Screen.objects.create(store=store, name="Entrance", secret_hash="x")
    client.post(f"/screens/{screen.pk}/revoke")

    entries = logged()
    assert ("anna", "create", "Button") in entries
    assert ("anna", "update", "Button") in entries
    assert ("anna", "create", "berta") in entries
    assert ("anna", "update", str(store)) in entries
    assert ("anna", "delete", str(medium)) in entries
    assert ("anna", "update", "Entrance") in entries


def test_imports_on_the_command_line_are_logged(store, tmp_path) -> None:
    LogEntry.objects.all().delete()
    for name, text in (
        ("stores", "slug,name\ndefault,Middle\n"),
        ("people", "username,roles\nberta,default=cashier\n"),
        ("devices", "store,name\ndefault,Button\n"),
        ("people", "username,roles\nberta,\n"),
    ):
        file = tmp_path / f"{name}.csv"
        file.write_text(text)
        call_command(name, "import", str(file), stdout=io.StringIO(), stderr=io.StringIO())

    assert logged() == [
        ("None", "update", "Middle"),
        ("None", "create", "berta"),
        ("None", "create", "Button"),
        ("None", "delete", "berta · Middle · cashier"),
        ("None", "update", "berta"),
    ]
    assert LogEntry.objects.order_by("pk").last().changes == {"roles": ["default=cashier", ""]}


def test_the_log_contains_no_secret_and_no_hash(client, manager) -> None:
    client.post("/devices", {"name": "Button"})
    manager.set_password("secret enough")
    manager.save()

    hashes = [Device.objects.get().token_hash, manager.password]
    changes = " ".join(str(each.changes) for each in LogEntry.objects.all())
    assert "token_hash" in changes
    assert "password" in changes
    assert [value[-8:] in changes for value in hashes] == [False, False]


def test_last_use_and_presses_are_not_logged(client, manager, store) -> None:
    Device.objects.create(store=store, name="Button", token_hash="x", till=3)
    LogEntry.objects.all().delete()
    Device.objects.update(used_at="2026-01-01T00:00Z")
    client.post("/cashier_action", {"cashier": "4", "language": "en"})
    client.get("/devices")

    assert logged() == []


@pytest.mark.django_db(transaction=True)
def test_a_press_takes_no_query_for_the_log(client, manager, environment, django_assert_num_queries) -> None:
    environment(cashier_open_buttons=False)
    restore_documents()
    with django_assert_num_queries(0):
        assert client.post("/cashier_action", {"cashier": "4", "language": "fr"}).status_code == 204


def test_permissions_given_in_the_admin_are_logged(admin_client) -> None:
    berta = User.objects.create_user("berta", is_staff=True)
    permission = Permission.objects.get(codename="change_store")
    LogEntry.objects.all().delete()
    fields = {"username": "berta", "is_staff": "on", "is_active": "on", "user_permissions": [permission.pk]}
    fields |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00", "memberships-TOTAL_FORMS": "0"}
    answer = admin_client.post(f"/admin/auth/user/{berta.pk}/change/", fields)

    assert answer.status_code == 302
    assert any("user_permissions" in each.changes for each in LogEntry.objects.all())


def test_devices_revoked_in_the_admin_are_logged(admin_client, store) -> None:
    device = Device.objects.create(store=store, name="Button", token_hash="x")
    LogEntry.objects.all().delete()
    chosen = {"action": "revoke", "_selected_action": [device.pk]}
    page = admin_client.post("/admin/cashier_web/device/", chosen, follow=True).content.decode()

    assert "Devices revoked: 1." in page
    assert Device.objects.get().revoked_at is not None
    assert logged() == [("admin", "update", "Button")]
