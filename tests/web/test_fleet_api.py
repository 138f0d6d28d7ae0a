"""An operator token reads the states of all screens, and may do nothing else."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cashier_web.api import fleet
from cashier_web.infra import tokens
from cashier_web.management.revocations import current_state, keep_revoked
from cashier_web.models import Cause, Device, OperatorToken, Outage, ProofDay, Screen, ScreenState, State
from cashier_web.screens.watched import note_watched

pytestmark = pytest.mark.django_db
API = "/api/v1/fleet"
PATHS = ["/stores", "/screens", "/screens/1/outages", "/proof?from=2026-11-01&to=2026-11-30"]


def make_token(name: str = "monitoring", **fields) -> str:
    token = tokens.new_token()
    OperatorToken.objects.create(name=name, token_hash=tokens.token_hash(token), **fields)
    return token


@pytest.fixture
def get(client):
    """Return a function that requests a path with a new operator token. The states of the screens are not old."""
    token = make_token()
    note_watched(timezone.now())

    def get(path: str, expected: int = 200) -> dict:
        response = client.get(API + path, headers={"authorization": f"Bearer {token}"})
        assert response.status_code == expected, response.content
        return response.json()

    return get


@pytest.fixture
def screens(stores) -> list[Screen]:
    north, south = stores
    found = [
        Screen.objects.create(store=store, name=name, secret_hash=name)
        for store, name in ((north, "Entrance"), (north, "Café"), (south, "Hall"))
    ]
    since, size = datetime(2026, 11, 30, 12, tzinfo=UTC), {"width": 1920, "height": 1080}
    ScreenState.objects.create(
        screen=found[0], state=State.OFFLINE, cause=Cause.LINE, since=since, browser="Chrome 142", **size
    )
    ScreenState.objects.create(screen=found[1], state=State.SHOWING, since=since, version="ab12cd34")
    return found


def test_the_stores_and_their_states_are_listed(get, screens) -> None:
    assert get("/stores") == {
        "items": [
            {"slug": "north", "name": "North", "city": "", "screens": 2, "states": {"offline": 1, "showing": 1}},
            {"slug": "south", "name": "South", "city": "", "screens": 1, "states": {"": 1}},
        ],
        "count": 2,
    }


def test_the_screens_are_listed_and_can_be_filtered(get, screens) -> None:
    numbers = [each.pk for each in screens]
    assert [each["number"] for each in get("/screens")["items"]] == numbers
    assert [each["number"] for each in get("/screens?store=south")["items"]] == numbers[2:]
    assert get("/screens?state=offline") == {
        "items": [
            {
                "number": numbers[0],
                "name": "Entrance",
                "store": "north",
                "state": "offline",
                "cause": "line",
                "since": "2026-11-30T12:00:00Z",
                "version": "",
                "browser": "Chrome 142",
                "width": 1920,
                "height": 1080,
            }
        ],
        "count": 1,
    }
    assert get("/screens?store=south")["items"][0]["state"] == ""
    assert get("/screens?state=else", 422)["detail"].startswith("state: ")


@pytest.mark.parametrize("path", ["/stores", "/screens"])
def test_states_that_may_be_old_are_not_told(get, screens, path) -> None:
    note_watched(timezone.now() - timedelta(seconds=31))

    assert "may be old" in get(path, 503)["detail"]


def test_long_lists_are_divided(get, screens) -> None:
    page = get("/screens?limit=2&offset=2")

    assert ([each["name"] for each in page["items"]], page["count"]) == (["Hall"], 3)
    for query in ("limit=0", "limit=501", "offset=-1"):
        assert get(f"/screens?{query}", 422)["detail"]


def test_the_outages_of_a_screen_are_listed_the_newest_first(get, screens) -> None:
    begin = datetime(2026, 11, 30, 10, tzinfo=UTC)
    Outage.objects.create(screen=screens[0], begins_at=begin, ends_at=begin + timedelta(hours=1), cause=Cause.HIDDEN)
    Outage.objects.create(screen=screens[0], begins_at=begin + timedelta(hours=2), cause=Cause.LINE)

    assert get(f"/screens/{screens[0].pk}/outages")["items"] == [
        {"from": "2026-11-30T12:00:00Z", "until": None, "cause": "line"},
        {"from": "2026-11-30T10:00:00Z", "until": "2026-11-30T11:00:00Z", "cause": "hidden"},
    ]
    get("/screens/999999/outages", 404)


def test_the_proof_of_some_days_is_added_up(get, screens) -> None:
    numbers = {
        "calls": 10,
        "unproven": 1,
        "painted": 90,
        "missing": 2,
        "unknown": 3,
        "unpaired": 5,
        "late": 1,
        "early": 0,
    }
    for day in (1, 2, 30):
        ProofDay.objects.create(
            store=screens[0].store,
            day=date(2026, 11, day),
            **numbers,
            paint_buckets={"75": 90},
            worst_paint_ms=40,
            worst_removal_ms=700,
            missing_on={str(screens[0].pk): 2},
        )
    (found,) = get("/proof?from=2026-11-01&to=2026-11-02")["items"]

    assert found == {
        "store": "north",
        "calls": 20,
        "unproven": 2,
        "owed": 184,
        "painted": 180,
        "missing": 4,
        "unknown": 6,
        "unpaired": 10,
        "paint_p50": 40,
        "paint_p99": 40,
        "paint_worst": 40,
        "removed_late": 2,
        "removed_early": 0,
        "removal_worst": 700,
        "missing_on": {"Entrance": 4},
    }


@pytest.mark.parametrize(
    "query",
    ["", "?from=2026-11-02", "?from=x&to=y", "?from=2026-11-02&to=2026-11-01", "?from=2026-01-01&to=2026-04-04"],
)
def test_a_period_that_is_not_valid_is_refused(get, query) -> None:
    assert get(f"/proof{query}", 422)["detail"]


@pytest.mark.parametrize("path", PATHS)
def test_only_an_operator_token_that_is_not_revoked_may_read(client, screens, path) -> None:
    device = tokens.new_token()
    Device.objects.create(store=screens[0].store, name="button", token_hash=tokens.token_hash(device))
    wrong = ["", tokens.new_token(), make_token("old", revoked_at=timezone.now()), device]
    for token in wrong:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        assert client.get(API + path, headers=headers).status_code == 401
    client.force_login(User.objects.create_superuser("boss"))
    assert client.get(API + path).status_code == 401, "a session is not enough"


def test_an_operator_token_may_not_press(client, stores) -> None:
    headers = {"authorization": f"Bearer {make_token()}"}
    response = client.post("/api/v1/stores/north/calls", {"till": 1}, "application/json", headers=headers)

    assert response.status_code == 401


def test_the_api_offers_only_to_read(client) -> None:
    headers = {"authorization": f"Bearer {make_token()}"}
    for path in PATHS:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert client.generic(method, API + path, headers=headers).status_code == 405


def test_a_token_may_send_a_limited_number_of_requests(client, screens, monkeypatch) -> None:
    monkeypatch.setattr(fleet, "MOST_REQUESTS", 2)
    headers = {"authorization": f"Bearer {make_token()}"}
    note_watched(timezone.now())
    statuses = [client.get(f"{API}/stores", headers=headers).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]


def test_the_last_use_of_a_token_is_saved_once_a_minute(get) -> None:
    get("/stores")
    first = OperatorToken.objects.get().used_at
    get("/stores")

    assert first is not None
    assert OperatorToken.objects.get().used_at == first


def test_an_administrator_creates_a_token_that_is_shown_once_and_revokes_it(admin_client, client) -> None:
    page = admin_client.post("/admin/cashier_web/operatortoken/add/", {"name": "monitoring"}, follow=True)
    token = str(next(iter(page.context["messages"]))).rpartition(" ")[2]
    headers = {"authorization": f"Bearer {token}"}
    note_watched(timezone.now())
    assert client.get(f"{API}/stores", headers=headers).status_code == 200
    assert token not in admin_client.get("/admin/cashier_web/operatortoken/").content.decode()

    row = OperatorToken.objects.get()
    admin_client.post("/admin/cashier_web/operatortoken/", {"action": "revoke", "_selected_action": [row.pk]})
    assert client.get(f"{API}/stores", headers=headers).status_code == 401


def test_after_a_restore_a_revoked_token_stays_revoked() -> None:
    make_token()
    OperatorToken.objects.update(revoked_at=timezone.now())
    before = {**current_state(), "people": {"1": {}}}
    OperatorToken.objects.update(revoked_at=None)

    assert "KEPT      operator token monitoring: revoked" in list(keep_revoked(before))
    assert OperatorToken.objects.get().revoked_at is not None
