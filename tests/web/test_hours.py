"""Stores open and close by their hours. What a person does by hand holds until the hours begin or end the next time."""

from datetime import UTC, datetime, timedelta

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone

from cashier_web.models import Store
from cashier_web.screens.appearance import appearance_id
from cashier_web.stores.automatic_opening import correct_hours, follow_hours, reschedule

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
NOON, EVENING, NIGHT, MORNING = (MONDAY + timedelta(hours=hours) for hours in (12, 20, 23, 32))


@pytest.fixture
def shop(db) -> Store:
    """A store with hours, which it follows, on a Monday at noon."""
    store = Store.objects.create(
        slug="shop",
        name="Shop",
        opening_hours="Mo-Sa 08:00-20:00",
        follows_hours=True,
        special_days="2026-12-02 closed",
    )
    reschedule(store, ["opening_hours"], NOON)
    store.save()
    return store


def after(now: datetime) -> Store:
    """Let the schedule act at this time. Returns the store."""
    follow_hours(now)
    return Store.objects.get(slug="shop")


def test_the_store_closes_and_opens_by_its_hours_and_its_screens_say_so(shop, redis) -> None:
    assert after(NOON).is_open

    closed = after(EVENING)
    assert (closed.is_open, closed.asleep_until, closed.is_asleep(NIGHT)) == (False, MORNING, True)
    assert redis.hget("cashier:{shop}:store", "notice") == b"We are closed"

    opened = after(MORNING)
    assert (opened.is_open, opened.is_asleep(MORNING)) == (True, False)
    assert redis.hget("cashier:{shop}:store", "notice") == b""


def test_a_special_day_is_followed(shop) -> None:
    tuesday_evening = after(EVENING + timedelta(days=1))

    assert tuesday_evening.asleep_until == MORNING + timedelta(days=2)


def test_opening_by_hand_holds_until_the_hours_begin_or_end(shop) -> None:
    after(EVENING)
    Store.objects.filter(slug="shop").update(is_open=True)
    assert after(NIGHT).is_open
    after(MORNING)
    Store.objects.filter(slug="shop").update(is_open=False)

    assert not after(MORNING + timedelta(hours=5)).is_open
    after(EVENING + timedelta(days=1))
    assert not after(EVENING + timedelta(days=1)).is_open
    assert after(MORNING + timedelta(days=2)).is_open


def test_several_missed_changes_are_made_up_for(shop) -> None:
    Store.objects.filter(slug="shop").update(is_open=False)

    assert after(MORNING + timedelta(hours=1)).is_open


def test_a_store_that_does_not_follow_its_hours_is_only_asleep(shop) -> None:
    Store.objects.filter(slug="shop").update(follows_hours=False)
    store = after(EVENING)

    assert (store.is_open, store.is_asleep(NIGHT)) == (True, True)


def test_changing_a_day_in_the_future_does_not_open_a_store_that_was_closed_by_hand(shop) -> None:
    Store.objects.filter(slug="shop").update(is_open=False)
    store = Store.objects.get(slug="shop")
    store.special_days = "2026-12-24 08:00-14:00"
    changed = reschedule(store, ["special_days"], NOON)

    assert (changed, store.is_open) == (["changes_at", "asleep_until"], False)


def test_closing_today_by_a_special_day_closes_the_store_at_once(shop) -> None:
    store = Store.objects.get(slug="shop")
    store.special_days = "2026-11-30 closed"
    changed = reschedule(store, ["special_days"], NOON)

    assert (store.is_open, store.asleep_until) == (False, MORNING)
    assert "is_open" in changed


def test_longer_hours_wake_the_store_at_once(shop) -> None:
    store = after(EVENING)
    store.opening_hours = "Mo-Sa 08:00-24:00"
    reschedule(store, ["opening_hours"], NIGHT)

    assert (store.is_open, store.is_asleep(NIGHT)) == (True, False)


def test_a_store_without_hours_is_never_asleep(shop) -> None:
    store = after(EVENING)
    store.opening_hours, store.special_days, store.follows_hours = "", "", False
    reschedule(store, ["opening_hours", "special_days", "follows_hours"], NIGHT)

    assert (store.changes_at, store.asleep_until, store.is_asleep(NIGHT)) == (None, None, False)


def test_a_store_that_never_opens_again_is_asleep(shop) -> None:
    shop.opening_hours, shop.special_days = "Mo-Su closed", "2026-11-30 08:00-20:00"
    reschedule(shop, ["opening_hours", "special_days"], NOON)
    shop.save()
    store = after(EVENING)

    assert (store.is_open, store.changes_at, store.is_asleep(NIGHT + timedelta(days=9000))) == (False, None, True)
    assert appearance_id(store).count(".") == 2


def test_a_store_that_is_always_within_its_hours_is_never_asleep(shop) -> None:
    store = after(EVENING)
    store.opening_hours, store.special_days = "24/7", ""
    reschedule(store, ["opening_hours", "special_days"], NIGHT)

    assert (store.is_open, store.changes_at, store.asleep_until) == (True, None, None)
    assert appearance_id(store).count(".") == 1


def test_the_appearance_id_says_when_the_screens_wake(shop) -> None:
    assert appearance_id(shop).count(".") == 1

    assert appearance_id(after(EVENING)).split(".")[2] == str(round(MORNING.timestamp()))
    assert appearance_id(after(MORNING)) == appearance_id(shop)


def test_the_screens_of_a_store_that_was_opened_by_hand_stay_on(shop) -> None:
    store = after(EVENING)
    store.is_open = True
    assert appearance_id(store).count(".") == 1

    store.follows_hours = False
    assert appearance_id(store).count(".") == 2, "such a store is always open"


def test_what_a_wrong_clock_has_computed_is_corrected(shop) -> None:
    store = after(datetime(2029, 11, 25, 12, tzinfo=UTC))
    assert (store.is_open, store.is_asleep(NOON)) == (False, True)

    assert correct_hours(NOON) == 1
    store.refresh_from_db()
    assert (store.is_open, store.is_asleep(NOON), store.changes_at) == (True, False, EVENING)
    assert correct_hours(NOON) == 0


def test_a_store_whose_time_zone_no_longer_exists_stops_no_other_store(shop, caplog) -> None:
    broken = Store.objects.create(slug="a", name="A", opening_hours="Mo-Sa 08:00-20:00", follows_hours=True)
    Store.objects.filter(pk=broken.pk).update(time_zone="Moon/Crater", changes_at=EVENING)

    assert not after(EVENING).is_open
    assert "the opening hours of the store a cannot be read" in caplog.text


def test_opening_by_schedule_is_in_the_audit_log_without_a_person(shop) -> None:
    LogEntry.objects.all().delete()
    after(EVENING)
    (entry,) = LogEntry.objects.all()

    assert (entry.changes, entry.actor) == ({"is_open": ["True", "False"]}, None)


def test_a_manager_changes_the_hours_of_the_own_store(client, manager_of_north) -> None:
    response = client.post(
        "/s/north/hours",
        {
            "opening_hours": "mo-sa 8:00-20:00",
            "special_days": "2030-12-25 closed",
            "follows_hours": "on",
            "alarm_minutes": "5",
        },
    )
    store = Store.objects.get(slug="north")

    assert response.status_code == 302
    assert (store.opening_hours, store.special_days, store.follows_hours) == (
        "Mo-Sa 08:00-20:00",
        "2030-12-25 closed",
        True,
    )
    assert store.alarm_minutes == 5
    assert store.changes_at > timezone.now()
    page = client.get("/s/north/hours").content.decode()
    assert "Mo-Sa 08:00-20:00" in page
    assert page.count("<td>08:00-20:00</td>") == 12
    assert page.count("<td>closed</td>") == 2


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"opening_hours": "8-20"}, "cannot be understood"),
        ({"opening_hours": "Mo-Su closed"}, "the store would never open"),
        ({"special_days": "2030-12-25 closed"}, "Write the usual opening hours, too."),
        ({"follows_hours": "on"}, "The store has no opening hours."),
        ({"alarm_minutes": "2000"}, "less than or equal to 240"),
    ],
)
def test_bad_hours_change_nothing(client, manager_of_north, values, reason) -> None:
    before = Store.objects.values().get(slug="north")
    response = client.post("/s/north/hours", {"alarm_minutes": "10", **values})

    assert response.status_code == 400
    assert reason in response.content.decode()
    assert Store.objects.values().get(slug="north") == before


def test_a_manager_opens_and_closes_the_store_by_hand(client, manager_of_north, redis) -> None:
    client.post("/s/north/hours/close")
    assert not Store.objects.get(slug="north").is_open
    assert redis.hget("cashier:{north}:store", "notice") == b"We are closed"

    client.post("/s/north/hours/open")
    assert Store.objects.get(slug="north").is_open


def test_hours_in_the_admin_take_effect(client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    store = Store.objects.create(slug="shop", name="Shop")
    page = client.get(f"/admin/cashier_web/store/{store.pk}/change/")
    initial = page.context["adminform"].form.initial
    values = {name: "" if value is None else value for name, value in initial.items()}
    values |= {"opening_hours": "Mo-Su 00:00-00:01", "follows_hours": "on", "labels": "", "arrows": ""}
    response = client.post(
        f"/admin/cashier_web/store/{store.pk}/change/", {k: v for k, v in values.items() if v is not False}
    )
    store.refresh_from_db()

    assert response.status_code == 302
    assert store.changes_at is not None
    assert store.is_open == (store.asleep_until is None)
