"""The default store cannot be deleted in any way. Other stores can be deleted, and nothing of them is lost silently."""

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import models
from django.test import Client

from cashier_core.call import DEFAULT_STORE
from cashier_web.infra.redis_clients import the_revocations
from cashier_web.infra.tokens import token_hash
from cashier_web.models import Device, Membership, Screen, Store

STORES = "/admin/cashier_web/store/"


@pytest.fixture
def north(db) -> Store:
    return Store.objects.create(slug="north", name="North")


def change_the_slug_and_delete() -> None:
    store = Store.objects.get(slug=DEFAULT_STORE)
    store.slug = "other"
    store.delete()


WAYS = {
    "the store": lambda: Store.objects.get(slug=DEFAULT_STORE).delete(),
    "the store with another slug": change_the_slug_and_delete,
    "all stores": lambda: Store.objects.all().delete(),
    "some stores": lambda: Store.objects.filter(slug__in=["default", "north"]).order_by("-slug").delete(),
    "the manager of the model": lambda: Store._base_manager.all().delete(),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("north")
def test_no_function_deletes_the_default_store_or_any_store_together_with_it(way) -> None:
    with pytest.raises(models.ProtectedError, match="default store cannot be deleted"):
        WAYS[way]()

    assert set(Store.objects.values_list("slug", flat=True)) == {"default", "north"}


def test_the_manager_of_stores_has_no_function_that_deletes_all_stores() -> None:
    assert not hasattr(Store.objects, "delete")


def test_a_refused_deletion_revokes_no_screen(north) -> None:
    Screen.objects.create(store=north, name="Entrance", secret_hash="x")
    with pytest.raises(models.ProtectedError):
        Store.objects.order_by("-slug").delete()

    assert the_revocations().known() == set()


@pytest.mark.parametrize("is_confirmed", [False, True])
@pytest.mark.usefixtures("north")
def test_the_admins_action_refuses_to_delete_the_default_store(admin_client, is_confirmed) -> None:
    chosen = {"action": "delete_selected", "_selected_action": list(Store.objects.values_list("pk", flat=True))}
    answer = admin_client.post(STORES, {**chosen, **({"post": "yes"} if is_confirmed else {})}, follow=True)

    assert "The default store cannot be deleted" in answer.content.decode()
    assert set(Store.objects.values_list("slug", flat=True)) == {"default", "north"}


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_admins_page_refuses_to_delete_the_default_store(admin_client, db, method) -> None:
    store = Store.objects.get(slug="default")
    answer = getattr(admin_client, method)(f"{STORES}{store.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 403
    assert Store.objects.filter(pk=store.pk).exists()


def test_deleting_another_store_revokes_its_screens_and_logs_its_devices_and_roles(admin_client, north) -> None:
    anna = User.objects.create_user("anna")
    Membership.objects.create(person=anna, store=north)
    Device.objects.create(store=north, name="Button", token_hash=token_hash("cq_north"))
    screen = Screen.objects.create(store=north, name="Entrance", secret_hash="x")
    LogEntry.objects.all().delete()
    admin_client.post(STORES, {"action": "delete_selected", "_selected_action": [north.pk], "post": "yes"})

    assert not Store.objects.filter(slug="north").exists()
    assert Client().post("/api/v1/press?token=cq_north").status_code == 401
    assert User.objects.filter(username="anna").exists()
    screen.refresh_from_db()
    assert screen.revoked_at is not None
    assert the_revocations().known() == {screen.credential_id}
    deleted = LogEntry.objects.filter(action=LogEntry.Action.DELETE).values_list("content_type__model", "object_repr")
    assert {model for model, _name in deleted} == {"store", "device", "membership"}
    assert ("device", "Button") in deleted
