"""The certificate says what the screens have proven in a month: on the page, as CSV, and as a management command."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cashier_web.fleet import proof_days
from cashier_web.fleet.latencies import bucket_of, percentile_ms
from cashier_web.fleet.proof_days import compute_proof_days, proof_of
from cashier_web.models import PastCall, ProofDay, Screen, Store

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def at(monkeypatch):
    """Return a function that sets the time for the computation of the days."""

    def at(time: datetime) -> None:
        monkeypatch.setattr(proof_days.timezone, "now", lambda: time)

    return at


def add_call(store: Store, pressed_at: datetime, proof: dict | None, *, outcome: str = "shown") -> None:
    number = PastCall.objects.count()
    PastCall.objects.create(
        store=store,
        mark=str(number),
        seq=number,
        till=4,
        language="en",
        outcome=outcome,
        pressed_at=pressed_at,
        starts_at=pressed_at,
        ends_at=pressed_at + timedelta(seconds=3),
        proof=proof,
    )


def reports(*rows: tuple) -> dict:
    return {"a": {"reports": [list(row) for row in rows]}}


@pytest.fixture
def screen(stores) -> Screen:
    return Screen.objects.create(store=stores[0], name="Café", secret_hash="x")


@pytest.fixture
def november(stores, screen, at) -> None:
    """Calls of the store north on 10 November and the next day, and of the store south on 10 and 13 November."""
    north, south = stores
    mine = screen.credential_id
    add_call(north, NOON, reports((mine, 40, 10), ("6.1", 60, 20), ("", 9000, 9000)))
    add_call(north, NOON, reports((mine, None, None), ("6.1", 100, 700), ("", None, None)))
    add_call(north, NOON, {"a": {"reports": [["6.1", 30, -900]], "silent": [mine, ""], "unknown": ["5.1", ""]}})
    add_call(north, NOON, None)
    add_call(north, NOON, {"a": {"reports": [["6.1", "nonsense", 1]]}})
    add_call(north, NOON, reports(("6.1", 1, 1)), outcome="dropped")
    add_call(north, NOON + DAY, reports((mine, 2000, 5)))
    add_call(south, NOON, reports(("8.1", 50, 5)))
    add_call(south, NOON + 3 * DAY, None)
    at(NOON + 3 * DAY)


def test_a_day_adds_up_the_proofs_of_its_calls_on_paired_screens(stores, screen, november) -> None:
    day = proof_of(stores[0], NOON.date())

    assert (day.calls, day.unproven) == (5, 2)
    assert (day.painted, day.missing, day.unknown, day.unpaired) == (4, 2, 1, 4)
    assert (day.late, day.early) == (1, 1)
    assert (day.worst_paint_ms, day.worst_removal_ms) == (100, 700)
    assert day.missing_on == {str(screen.pk): 2}
    assert sum(day.paint_buckets.values()) == 4


def test_each_day_with_calls_is_computed_once(stores, november, at) -> None:
    north, south = stores
    assert compute_proof_days() == 3
    assert compute_proof_days() == 0
    assert set(ProofDay.objects.values_list("store", "day")) == {
        (north.pk, NOON.date()),
        (north.pk, NOON.date() + DAY),
        (south.pk, NOON.date()),
    }
    add_call(south, NOON + 40 * DAY, None)
    at(NOON + 41 * DAY)
    assert compute_proof_days() == 1, "the day of the call 40 days later may not be over"

    assert ProofDay.objects.latest("day").day == NOON.date() + 3 * DAY


def test_a_day_is_over_when_a_later_call_was_made_whatever_the_clock_says(stores, at) -> None:
    add_call(stores[0], NOON, reports(("6.1", 50, 5)))
    at(NOON + 30 * DAY)
    assert compute_proof_days() == 0
    add_call(stores[1], NOON + DAY, None)

    assert compute_proof_days() == 1


def test_no_day_is_computed_while_calls_are_not_in_the_database_yet(november, redis) -> None:
    redis.xadd("cashier:history", {"changes": "[]"})

    assert compute_proof_days() == 0


def test_a_day_is_computed_an_hour_after_its_end_in_the_time_zone_of_the_store(stores, at) -> None:
    Store.objects.filter(slug="north").update(time_zone="Pacific/Auckland")
    north = Store.objects.get(slug="north")
    local = datetime(2026, 11, 10, 23, 30, tzinfo=ZoneInfo("Pacific/Auckland"))
    add_call(north, local.astimezone(UTC), reports(("6.1", 50, 5)))
    at(local + DAY)
    add_call(stores[1], (local + timedelta(minutes=85)).astimezone(UTC), None)
    assert compute_proof_days() == 0
    add_call(stores[1], (local + timedelta(minutes=95)).astimezone(UTC), None)
    assert compute_proof_days() == 1

    assert ProofDay.objects.get().day == date(2026, 11, 10)


def test_one_run_ends_when_its_time_is_over_and_the_next_one_goes_on(november, monkeypatch) -> None:
    monkeypatch.setattr(proof_days, "MOST_SECONDS", 0.0)

    assert [compute_proof_days() for _ in range(4)] == [1, 1, 1, 0]


def test_a_percentile_is_at_most_five_percent_too_large() -> None:
    times = list(range(1, 5001))
    buckets: dict[int, int] = {}
    for each in times:
        buckets[bucket_of(each)] = buckets.get(bucket_of(each), 0) + 1
    for percent, exact in ((50, 2500), (99, 4950)):
        assert exact <= percentile_ms(buckets, percent) <= exact * 1.05
    for each in times:
        assert each <= percentile_ms({bucket_of(each): 1}, 50) <= each * 1.05
    assert percentile_ms({}, 50) is None


def test_days_of_stores_that_an_earlier_version_has_deleted_are_deleted(november) -> None:
    compute_proof_days()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cashier_web_proofday SET store_id = 999999 WHERE day = '2026-11-11'")
    compute_proof_days()

    assert not ProofDay.objects.filter(store_id=999999).exists()


def text_of(client, path: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", client.get(path).content.decode()).split())


def test_the_page_shows_the_sums_of_all_stores_and_of_each_store(client, admin_client, november) -> None:
    compute_proof_days()
    text = text_of(admin_client, "/fleet/proof?month=2026-11")

    assert "6 of 8 numbers were painted." in text
    assert "North 6 (2 without proof) 5 of 7 (1 without information)" in text
    assert "1 / 1 Café: 2" in text
    assert "South 1 1 of 1 50 / 50 / 50 0 / 0" in text
    assert "No calls in this month." in text_of(admin_client, "/fleet/proof?month=2026-10")


def test_a_manager_sees_only_the_own_stores(client, manager_of_north, november) -> None:
    compute_proof_days()

    assert "South" not in text_of(client, "/fleet/proof?month=2026-11")
    assert "5 of 7 numbers were painted." in text_of(client, "/fleet/proof?month=2026-11")
    assert "south" not in client.get("/fleet/proof.csv?month=2026-11").content.decode()


@pytest.mark.parametrize("month", ["2026", "2026-13", "11-2026", "2026-1", "x" * 500, "２０２６-11"])
def test_a_month_that_is_not_valid_is_refused(admin_client, month) -> None:
    for path in ("/fleet/proof", "/fleet/proof.csv"):
        response = admin_client.get(path, {"month": month})
        assert response.status_code == 400
        assert "A month looks like this: 2026-11." in response.content.decode()


def test_the_csv_file_and_the_command_contain_the_same(admin_client, november, capsys) -> None:
    compute_proof_days()
    Screen.objects.update(name="=1+1")
    response = admin_client.get("/fleet/proof.csv?month=2026-11")
    call_command("proof", "2026-11")
    lines = capsys.readouterr().out.splitlines()

    assert response.content.decode().removeprefix("\ufeff").splitlines() == lines
    assert response.headers["Content-Disposition"] == 'attachment; filename="proof-2026-11.csv"'
    assert lines[1].startswith("north,North,2,6,2,7,5,2,1,4,")
    assert "'=1+1: 2" in lines[1], "a spreadsheet program does not execute the name of a screen"
    with pytest.raises(CommandError, match="'yesterday' is not a month such as 2026-11"):
        call_command("proof", "yesterday")
