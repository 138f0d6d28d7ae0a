"""A manager can rename, mute and revoke a paired screen, move it to another store, and change its volume."""

import html
import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from cashier_core.call import Policy
from cashier_local.ports import free_port
from cashier_web.history import recorder
from cashier_web.infra.redis_clients import the_revocations, the_timeline
from cashier_web.models import Membership, PastCall, Role, Screen, Store
from cashier_web.screens import announce, appearance, manage, pairing, pairing_codes
from tests.support.pairing import claim, code_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("closed_screens")]


def test_the_page_of_a_moved_screen_goes_to_the_other_store(
    client, manager_of_north, stores, television, redis
) -> None:
    Membership.objects.create(person=manager_of_north, store=stores[1], role=Role.MANAGER)
    claim(client, code_on(television))
    screen = Screen.objects.get()
    change(client, screen, name="Window", store="south")

    assert redis.smembers("cashier:revoked") == {screen.credential_id.encode()}
    moved = Screen.objects.get()
    assert (moved.name, moved.store.slug) == ("Window", "south")
    assert moved.credential_id != screen.credential_id
    assert television.get("/s/north/", follow=True).redirect_chain[-1][0] == "/s/south/"


def test_renaming_a_screen_does_not_revoke_its_credential(client, manager_of_north, television, redis) -> None:
    claim(client, code_on(television))
    credential_id = Screen.objects.get().credential_id
    change(client, Screen.objects.get(), name="Window", store="north")

    assert (Screen.objects.get().name, Screen.objects.get().credential_id) == ("Window", credential_id)
    assert redis.keys("cashier:revoked") == []


def volume_of(television: Client) -> int:
    appearance_json = re.search(r'data-look="([^"]+)"', television.get("/s/north/").content.decode())[1]
    return json.loads(html.unescape(appearance_json))["volume"]


def appearance_id_of_north() -> str:
    return the_timeline().idle(["north"])[0].appearance_id


def test_a_screens_own_volume_is_announced_at_once(client, manager_of_north, stores, television) -> None:
    claim(client, code_on(television))
    screen = Screen.objects.get()
    assert volume_of(television) == 70

    for fields, volume in (
        ({"volume": "35"}, 35),
        ({"volume": "35", "is_muted": "on"}, 0),
        ({"volume": "0"}, 0),
        ({"volume": ""}, 70),
    ):
        before = appearance.appearance_id(Store.objects.get(slug="north"))
        change(client, screen, name="Entrance", store="north", **fields)
        assert volume_of(television) == volume
        assert appearance_id_of_north() == appearance.appearance_id(Store.objects.get(slug="north")) != before

    change(client, screen, name="Window", store="north")
    assert appearance_id_of_north() == appearance.appearance_id(Store.objects.get(slug="north"))


def test_a_change_of_only_the_name_is_not_announced(client, manager_of_north, stores, television) -> None:
    claim(client, code_on(television))
    change(client, Screen.objects.get(), name="Window", store="north", volume="", is_muted="")

    assert Store.objects.get(slug="north").revision == 0


def test_without_redis_the_volume_of_a_screen_does_not_change(
    client, manager_of_north, television, environment
) -> None:
    claim(client, code_on(television))
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    change(client, Screen.objects.get(), name="Window", store="north", volume="35")

    assert (Screen.objects.get().name, Screen.objects.get().volume) == ("Entrance", None)


def test_a_screen_that_is_revoked_shows_a_new_code(client, manager_of_north, television, redis) -> None:
    before = code_on(television)
    claim(client, before)
    screen = Screen.objects.get()
    change(client, screen, action="revoke")

    assert redis.smembers("cashier:revoked") == {screen.credential_id.encode()}
    assert television.get("/s/north/")["Location"] == "/pair"
    after = code_on(television)
    assert after != before
    claim(client, after)
    assert television.get("/s/north/").status_code == 200
    assert [each.revoked_at is None for each in Screen.objects.order_by("pk")] == [False, True]


def change(client, screen, *, action="change", **fields):
    answer = client.post(f"/s/{screen.store.slug}/screens/{screen.pk}/{action}", fields)
    assert answer.status_code == 302
    return answer


@pytest.mark.parametrize(
    "fields", [{"name": "Exit"}, {"name": ""}, {"name": "a\nb"}, {"store": "south"}, {"store": ""}, {"volume": "101"}]
)
def test_an_invalid_change_is_refused_with_a_reason(client, manager_of_north, television, fields) -> None:
    claim(client, code_on(television))
    claim(client, code_on(Client()), name="Exit")
    screen = Screen.objects.get(name="Entrance")
    change(client, screen, **{"name": "Entrance", "store": "north", **fields})

    assert Screen.objects.filter(pk=screen.pk, name="Entrance", store__slug="north", generation=1).exists()
    assert 'role="status"' in client.get("/s/north/screens").content.decode()


def test_without_redis_nothing_is_paired_moved_or_revoked(client, manager_of_north, television, environment) -> None:
    code = code_on(television)
    claim(client, code)
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    assert Client().get("/pair").status_code == 503
    assert claim(client, code, name="Exit").status_code == 503

    change(client, Screen.objects.get(), action="revoke")
    assert Screen.objects.get().revoked_at is None
    assert "Nothing was changed" in client.get("/s/north/screens").content.decode()
    assert television.get("/s/north/").status_code == 200


@pytest.mark.parametrize("by", ["page", "admin", "move"])
def test_a_screen_that_was_paired_long_ago_stays_revoked_after_a_comparison(
    client, manager_of_north, stores, television, redis, by
) -> None:
    claim(client, code_on(television))
    Screen.objects.update(changed_at=timezone.now() - timedelta(days=8))
    screen = Screen.objects.get()
    if by == "page":
        change(client, screen, action="revoke")
    elif by == "move":
        Membership.objects.create(person=manager_of_north, store=stores[1], role=Role.MANAGER)
        change(client, screen, name="Entrance", store="south")
    else:
        client.force_login(User.objects.create_superuser("boss"))
        chosen = {"action": "revoke", "_selected_action": [screen.pk]}
        page = client.post("/admin/cashier_web/screen/", chosen, follow=True).content.decode()
        assert "Screens revoked: 1." in page
    announce.announce_differences()

    assert redis.smembers("cashier:revoked") == {screen.credential_id.encode()}


def test_a_change_after_a_revocation_does_not_undo_the_revocation(stores, television) -> None:
    pairing.create_screen(pairing_codes.redeem_code(code_on(television).replace(" ", "")), stores[0], "Entrance")
    chosen = Screen.objects.all()
    with transaction.atomic():
        manage.revoke_screens(chosen)
        manage.update_screens(chosen, "Window", stores[1], volume=None, is_muted=False)

    screen = Screen.objects.get()
    assert (screen.name, screen.store.slug, screen.revoked_at is None) == ("Entrance", "north", False)


def test_a_comparison_does_not_undo_a_revocation_that_happens_at_the_same_time(stores, redis, monkeypatch) -> None:
    def read_known_and_then_revoke() -> set[str]:
        known = known_before()
        the_revocations().add(["7.1"])
        return known

    known_before = the_revocations().known
    monkeypatch.setattr(the_revocations(), "known", read_known_and_then_revoke)
    announce.restore_revocations()

    assert redis.smembers("cashier:revoked") == {b"7.1"}


def test_deleting_a_store_revokes_its_screens_and_keeps_its_calls(admin_client, stores, television, redis) -> None:
    pairing.create_screen(pairing_codes.redeem_code(code_on(television).replace(" ", "")), stores[0], "Entrance")
    credential_id = Screen.objects.get().credential_id
    the_timeline().press("north", 4, "en", idle_language="en", hold_ms=3000, policy=Policy.QUEUE)
    recorder.record_calls()
    page = f"/admin/cashier_web/store/{stores[0].pk}/delete/"
    assert "Calls, which stay in the history: 1" in admin_client.get(page).content.decode()
    assert admin_client.post(page, {"post": "yes"}).status_code == 302

    assert television.get("/s/north/")["Location"] == "/pair"
    assert re.search(r'class="code"', television.get("/pair").content.decode())
    announce.announce_differences()
    assert redis.smembers("cashier:revoked") == {credential_id.encode()}
    assert PastCall.objects.get().deleted_store == "north"


def test_without_redis_no_store_is_deleted(admin_client, stores, television, environment) -> None:
    pairing.create_screen(pairing_codes.redeem_code(code_on(television).replace(" ", "")), stores[0], "Entrance")
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    page = f"/admin/cashier_web/store/{stores[0].pk}/delete/"
    answer = admin_client.post(page, {"post": "yes"}, follow=True).content.decode()

    assert "Nothing was changed" in answer
    assert Store.objects.filter(slug="north").exists()
