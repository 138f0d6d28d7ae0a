"""A periodic task compares the stores in Redis with the database, and announces every store that differs.

A store differs if Redis has lost its data, or if a change was announced and then could not be saved.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from cashier_core.idle import Idle
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.models import Screen, Store
from cashier_web.screens import announce, appearance

pytestmark = pytest.mark.django_db


@pytest.fixture
def stores(store) -> list[str]:
    Store.objects.create(slug="north", name="North", is_open=False, closed_message="Back on Monday")
    Store.objects.create(slug="south", name="South", language="fr")
    return ["default", "north", "south"]


EXPECTED = [("en", ""), ("en", "Back on Monday"), ("fr", "")]


def idle_texts(stores) -> list[tuple[str, str]]:
    """Return the language and the notice of each store in Redis.

    Also checks that Redis has the same appearance id for each store as the database.
    """
    idles = the_timeline().idle(stores)
    assert [idle.appearance_id for idle in idles] == [
        appearance.appearance_id(Store.objects.get(slug=slug)) for slug in stores
    ]
    return [(idle.language, idle.notice) for idle in idles]


def test_all_stores_are_announced_again_after_redis_has_lost_its_data(stores, redis) -> None:
    assert the_timeline().idle(stores) == [None] * 3

    assert announce.announce_differences() == 3
    assert idle_texts(stores) == EXPECTED


def test_nothing_is_announced_if_redis_and_the_database_agree(stores, redis) -> None:
    announce.announce_differences()
    before = [redis.hget(f"cashier:{{{slug}}}:store", "rev") for slug in stores]

    assert announce.announce_differences() == 0
    assert [redis.hget(f"cashier:{{{slug}}}:store", "rev") for slug in stores] == before


def test_a_change_in_redis_that_is_not_in_the_database_is_undone(stores, redis) -> None:
    announce.announce_differences()
    the_timeline().set_idle({"north": Idle("en")})

    assert announce.announce_differences() == 1
    assert idle_texts(stores) == EXPECTED


def test_a_press_in_an_empty_redis_stores_the_language_of_the_idle_text(stores, redis, client) -> None:
    client.post("/s/south/cashier_action", {"cashier": "1", "language": "fr"})

    assert the_timeline().idle(["south"]) == [Idle("fr")]


def test_revocations_are_restored_while_their_tickets_are_valid(stores, redis) -> None:
    north = Store.objects.get(slug="north")
    screens = [
        Screen.objects.create(store=north, name=f"{number}", secret_hash=f"{number}", **fields)
        for number, fields in enumerate(
            [
                {},
                {"revoked_at": timezone.now()},
                {"generation": 3},
                {"generation": 2, "revoked_at": timezone.now()},
                {"revoked_at": timezone.now(), "changed_at": timezone.now() - timedelta(days=8)},
            ]
        )
    ]
    redis.sadd("cashier:revoked", "99.1")
    announce.announce_differences()

    _stays, revoked, moved, both, _long_ago = (screen.pk for screen in screens)
    credential_ids = {f"{revoked}.1", f"{moved}.1", f"{moved}.2", f"{both}.1", f"{both}.2"}
    assert redis.smembers("cashier:revoked") == {each.encode() for each in credential_ids}
    assert announce.announce_differences() == 0
