"""When a backup is restored, what was revoked after the backup stays revoked. What was deleted is listed.

The tests make the backup with Django's serializers, change the database, and restore the backup in the same way as
`make restore`: the state before the restore is saved as JSON, and compared with the restored database.
"""

import sys
from collections.abc import Callable
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from cashier_web.infra.redis_clients import the_revocations
from cashier_web.models import Device, Membership, Role, Screen, Store
from cashier_web.screens.announce import announce_differences

pytestmark = pytest.mark.django_db
MODELS = (Store, User, Membership, Device, Screen)


class Backup:
    """All stores, people, roles, devices and screens at the time of the backup."""

    def __init__(self) -> None:
        self._rows = [serializers.serialize("python", model.objects.all()) for model in MODELS]

    def restore(self) -> None:
        # A restore replaces the whole database. So the rows are deleted by SQL, which deletes the default store, too.
        with connection.cursor() as cursor:
            for model in reversed(MODELS):
                cursor.execute(f'DELETE FROM "{model._meta.db_table}"')  # noqa: S608  # the name is not input
        for rows in self._rows:
            for each in serializers.deserialize("python", rows):
                each.save()


@pytest.fixture
def restore(monkeypatch) -> Callable[[Backup], str]:
    """Return a function that restores the backup as `make restore` does, and returns what the operator sees."""

    def restore(backup: Backup) -> str:
        saved, report = StringIO(), StringIO()
        call_command("revocations", "save", stdout=saved)
        backup.restore()
        monkeypatch.setattr(sys, "stdin", StringIO(saved.getvalue()))
        call_command("revocations", "keep", stdout=report)
        return report.getvalue()

    return restore


@pytest.fixture
def anna(store) -> User:
    anna = User.objects.create_superuser("anna", password="before the backup")
    Membership.objects.create(person=anna, store=store, role=Role.MANAGER)
    return anna


@pytest.fixture
def screen(store) -> Screen:
    return Screen.objects.create(store=store, name="Wall", secret_hash="a hash")


def test_a_revoked_device_and_an_earlier_token_stay_invalid(restore, make_button) -> None:
    stolen, renewed = make_button(), make_button()
    backup = Backup()
    Device.objects.filter(pk=stolen.device.pk).update(revoked_at=timezone.now())
    Device.objects.filter(pk=renewed.device.pk).update(token_hash="the newest token")
    report = restore(backup)

    assert stolen.press(till=1).status_code == 401
    assert renewed.press(till=1).status_code == 401
    assert Device.objects.get(pk=renewed.device.pk).token_hash == "the newest token"
    assert "KEPT      device device 0 (store default): revoked" in report
    assert "KEPT      device device 1 (store default): only the newest token is valid" in report


def test_a_revoked_screen_stays_revoked_in_the_database_and_in_redis(restore, screen, redis) -> None:
    backup = Backup()
    Screen.objects.update(revoked_at=timezone.now())
    report = restore(backup)
    redis.flushall()
    announce_differences()

    assert Screen.objects.get().revoked_at
    assert the_revocations().known() == {f"{screen.pk}.1"}
    assert "KEPT      screen Wall (store default): revoked" in report


def test_the_tickets_of_a_screen_for_the_store_to_which_it_was_moved_become_invalid(restore, screen, stores) -> None:
    backup = Backup()
    Screen.objects.update(store=stores[0], generation=2)
    report = restore(backup)
    announce_differences()
    screen.refresh_from_db()

    assert screen.store.slug == "default"
    assert the_revocations().known() == {f"{screen.pk}.1", f"{screen.pk}.2"}
    assert screen.credential_id == f"{screen.pk}.3"
    assert "RESTORED  screen Wall (store default): was moved to another store" in report


def test_a_new_password_a_deactivated_account_and_removed_rights_stay(restore, anna) -> None:
    backup = Backup()
    anna.set_password("after the backup")
    anna.is_active = anna.is_superuser = anna.is_staff = False
    anna.save()
    report = restore(backup)
    anna.refresh_from_db()

    assert anna.check_password("after the backup")
    assert (anna.is_active, anna.is_superuser, anna.is_staff) == (False, False, False)
    for text in ("only the newest password is valid", "can no longer sign in", "is no longer a superuser"):
        assert f"KEPT      person anna: {text}" in report


@pytest.mark.parametrize(("role", "text"), [(None, "no role"), (Role.VIEWER, "only the role “viewer”")])
def test_a_removed_or_reduced_role_does_not_come_back(restore, anna, role, text) -> None:
    backup = Backup()
    if role:
        Membership.objects.update(role=role)
    else:
        Membership.objects.all().delete()
    report = restore(backup)

    assert list(Membership.objects.values_list("role", flat=True)) == ([role] if role else [])
    assert f"KEPT      person anna, store default: {text}" in report


def test_more_rights_after_the_backup_are_not_kept(restore, anna) -> None:
    User.objects.update(is_superuser=False, is_active=False)
    Membership.objects.update(role=Role.VIEWER)
    backup = Backup()
    User.objects.update(is_superuser=True, is_active=True)
    Membership.objects.update(role=Role.MANAGER)
    restore(backup)
    anna.refresh_from_db()

    assert (anna.is_superuser, anna.is_active, Membership.objects.get().role) == (False, False, Role.VIEWER)


def test_what_was_deleted_is_restored_and_listed(restore, anna, screen, stores, make_button) -> None:
    make_button(slug="north")
    backup = Backup()
    User.objects.create_user("somebody else")  # Without any account, the database would count as empty.
    anna.delete()
    stores[0].delete()
    Screen.objects.all().delete()
    report = restore(backup)

    assert Store.objects.filter(slug="north").exists()
    assert Device.objects.get().revoked_at is None
    assert Membership.objects.get().role == Role.MANAGER
    for text in ("person anna", "store north", "device device 0 (store north)", "screen Wall (store default)"):
        assert f"RESTORED  {text}: was deleted after the backup." in report


def test_another_person_with_the_number_of_a_deleted_person_is_not_mistaken_for_this_person(restore, anna) -> None:
    backup = Backup()
    User.objects.update(username="berta", password="another hash", is_active=False)
    report = restore(backup)
    anna.refresh_from_db()

    assert anna.is_active
    assert anna.check_password("before the backup")
    assert "RESTORED  person anna" in report


def test_everybody_must_sign_in_again(restore, client, manager) -> None:
    backup = Backup()
    assert client.get("/devices").status_code == 200
    restore(backup)

    assert client.get("/devices").status_code == 302


def test_a_restore_into_an_empty_database_changes_no_account(restore, anna) -> None:
    backup = Backup()
    User.objects.all().delete()
    report = restore(backup)

    assert User.objects.get().check_password("before the backup")
    assert "was empty or unreadable" in report
    assert "anna" not in report
