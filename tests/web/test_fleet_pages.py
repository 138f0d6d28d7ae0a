"""The fleet page finds the stores with broken screens, and the page of a screen shows its outages and its calls."""

import re
from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cashier_core import screen_commands
from cashier_web.fleet import views
from cashier_web.fleet.days import DAYS
from cashier_web.models import Cause, Membership, Outage, PastCall, Role, Screen, ScreenState, State, Store
from cashier_web.screens.watched import note_watched

pytestmark = pytest.mark.django_db


def add_screen(store: Store, name: str, state: State | None = State.SHOWING, cause: str = "", **fields) -> Screen:
    screen = Screen.objects.create(store=store, name=name, secret_hash=f"{store.pk} {name}")
    if state:
        ScreenState.objects.create(screen=screen, state=state, cause=cause, since=timezone.now(), **fields)
    return screen


@pytest.fixture
def administrator(client, db) -> User:
    person = User.objects.create_superuser("boss")
    client.force_login(person)
    return person


@pytest.fixture
def fleet(stores) -> tuple[Store, Store]:
    """Two stores: one screen of north is offline, and one screen of south has no sound."""
    north, south = stores
    Store.objects.filter(pk=north.pk).update(city="Oslo")
    Store.objects.filter(pk=south.pk).update(city="Lyon")
    add_screen(north, "Entrance", version="new")
    add_screen(north, "Café", State.OFFLINE, Cause.UNKNOWN, version="old")
    add_screen(south, "Hall", State.NO_SOUND, version="new")
    add_screen(south, "Office", None)
    return north, south


def rows(client, query: str = "") -> list[str]:
    """Return the slugs of the stores on the fleet page, in their order."""
    return re.findall(r'id="store-([^"]+)"', client.get(f"/fleet{query}").content.decode())


def test_stores_with_broken_screens_come_first(client, administrator, fleet) -> None:
    text = client.get("/fleet").content.decode()

    assert rows(client) == ["north", "south"]
    assert re.findall(r"(\d+) of (\d+)", text) == [("1", "2"), ("0", "2")]
    tiles = re.findall(r'id="tile-(\w+)".*?<strong>(\d+)</strong>', text)
    assert "<strong>1</strong> not known yet" in text
    assert tiles == [("all", "4"), ("offline", "1"), ("no_sound", "1"), ("showing", "1")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?state=offline", ["north"]),
        ("?state=hidden", []),
        ("?city=Lyon", ["south"]),
        ("?text=sou", ["south"]),
        ("?text=entran", ["north"]),
        ("?text=nothing", []),
        ("?version=new", ["south", "north"]),
        ("?version=old", ["north"]),
        ("?version=old&state=showing", []),
        ("?version=gone", []),
        ("?city=Rome", []),
        ("?page=2", ["north", "south"]),
    ],
)
def test_filters_are_in_the_address(client, administrator, fleet, query, found) -> None:
    assert rows(client, query) == found


@pytest.mark.parametrize("query", ["?state=else", "?page=0", "?text=" + "x" * 101])
def test_a_filter_that_is_not_valid_is_refused(client, administrator, fleet, query) -> None:
    assert client.get(f"/fleet{query}").status_code == 400


def test_a_state_lists_its_screens(client, administrator, fleet) -> None:
    text = client.get("/fleet?state=offline").content.decode()

    assert re.findall(r'id="screen-\d+" href="(/fleet/screens/\d+)">(.*?)</a>', text) == [
        (f"/fleet/screens/{Screen.objects.get(name='Café').pk}", "Café")
    ]


def test_a_manager_sees_only_the_screens_of_the_own_stores(client, manager_of_north, fleet) -> None:
    foreign = Screen.objects.get(name="Hall")

    assert rows(client) == ["north"]
    assert rows(client, "?state=no_sound") == []
    assert "Lyon" not in client.get("/fleet").content.decode()
    assert rows(client, "?city=Lyon") == []
    assert client.get(f"/fleet/screens/{foreign.pk}").status_code == 404


def test_revoked_screens_are_not_in_the_fleet(client, administrator, fleet) -> None:
    screen = Screen.objects.get(name="Café")
    Screen.objects.filter(pk=screen.pk).update(revoked_at=timezone.now())

    assert rows(client, "?state=offline") == []
    assert client.get(f"/fleet/screens/{screen.pk}").status_code == 404


def test_many_stores_are_divided_into_pages(client, administrator) -> None:
    Store.objects.bulk_create([Store(slug=f"s{number:03}", name=f"Store {number:03}") for number in range(250)])
    made = list(Store.objects.filter(slug__startswith="s"))
    Screen.objects.bulk_create([Screen(store=each, name="Hall", secret_hash=each.slug) for each in made])
    found = [rows(client, f"?page={number}") for number in (1, 2, 3)]

    assert [len(each) for each in found] == [100, 100, 50]
    assert [slug for page in found for slug in page] == sorted(each.slug for each in made)
    links = re.findall(r'href="(\?[^"]*page=\d+)"', client.get("/fleet?page=2").content.decode())
    assert links == ["?page=1", "?page=3"]


def test_the_number_of_queries_does_not_depend_on_the_number_of_stores(client, administrator, fleet) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get("/fleet?state=showing")
        return len(captured)

    before = queries()
    for number in range(20):
        add_screen(Store.objects.create(slug=f"s{number}", name=f"s{number}"), "Hall")

    assert queries() == before < 20


def test_the_page_of_a_screen_shows_its_state_and_its_outages(client, manager_of_north, fleet) -> None:
    screen, now = Screen.objects.get(name="Café"), timezone.now()
    hour = timedelta(hours=1)
    Outage.objects.create(screen=screen, begins_at=now - 40 * 24 * hour, ends_at=now - 39 * 24 * hour, cause=Cause.LINE)
    Outage.objects.create(screen=screen, begins_at=now - 50 * hour, ends_at=now - 49.5 * hour, cause=Cause.HIDDEN)
    Outage.objects.create(screen=screen, begins_at=now - timedelta(minutes=2), cause=Cause.UNKNOWN)
    text = client.get(f"/fleet/screens/{screen.pk}").content.decode()

    assert 'class="state bad"' in text
    assert "Check its power and its network." in text
    causes = re.findall(r'<td data-label="Cause">(.*?)</td>', text)
    assert causes == ["unknown", "The page was in the background.", "The whole store was offline."]
    days = re.findall(r'<li class="(good|bad|none)" title="[^"]*: (\d+) min">', text)
    assert len(days) == DAYS
    assert sum(int(minutes) for _colour, minutes in days) in {32, 33}, "the oldest outage is more than 30 days ago"
    assert days[0] == ("none", "0"), "the screen was paired today"


def test_the_page_of_a_screen_shows_what_it_has_reported_about_each_call(client, manager_of_north, fleet) -> None:
    north, _ = fleet
    screen, other = Screen.objects.get(name="Entrance"), Screen.objects.get(name="Café")
    mine = screen.credential_id
    proofs = {
        "painted": {"a": {"reports": [[mine, 41, 12], [other.credential_id, 7, 7]]}},
        "stays": {"a": {"reports": [[mine, 42, None]]}},
        "dark": {"a": {"reports": [[mine, None, None]]}},
        "silent": {"a": {"silent": [mine]}},
        "elsewhere": {"a": {"reports": [[other.credential_id, 7, 7]]}},
        "none": None,
    }
    for number, (mark, proof) in enumerate(proofs.items()):
        at = timezone.now() - timedelta(minutes=number)
        PastCall.objects.create(
            store=north,
            mark=mark,
            seq=number,
            till=number + 1,
            language="en",
            outcome="shown",
            proof=proof,
            pressed_at=at,
            starts_at=at,
            ends_at=at,
        )
    text = client.get(f"/fleet/screens/{screen.pk}").content.decode()
    cells = re.findall(r'data-label="On this screen">(.*?)</td>', text)

    assert [re.sub("<[^>]*>", "", each) for each in cells] == [
        "painted after 41 ms, removed 12 ms late",
        "painted after 42 ms",
        "Not painted",
        "Not painted",
        "No information",
        "No information",
    ]


def test_the_last_30_days_are_days_of_the_store(client, manager_of_north, fleet) -> None:
    """An outage over midnight in Auckland is an outage of two days there, and of one day in UTC."""
    north, _ = fleet
    Store.objects.filter(pk=north.pk).update(time_zone="Pacific/Auckland")
    screen = Screen.objects.get(name="Entrance")
    midnight = timezone.now().replace(hour=11, minute=0, second=0) - timedelta(days=10)  # 24:00 in Auckland in summer
    hour = timedelta(hours=1)
    Outage.objects.create(screen=screen, begins_at=midnight - 2 * hour, ends_at=midnight + 2 * hour, cause=Cause.LINE)
    text = client.get(f"/fleet/screens/{screen.pk}").content.decode()

    assert len(re.findall(r'<li class="bad"', text)) == 2


def test_people_without_a_managed_store_see_no_fleet(client, cashier) -> None:
    assert client.get("/fleet").status_code == 403
    Membership.objects.filter(person=cashier).update(role=Role.MANAGER)
    assert client.get("/fleet").status_code == 200


def commands_in(redis) -> list[tuple[str, str, str]]:
    """Return the commands that were sent to screens: credential id, action and text."""
    entries = redis.xrange(screen_commands.KEY)
    return [tuple(fields[name].decode() for name in (b"credential_id", b"action", b"text")) for _id, fields in entries]


@pytest.mark.parametrize(
    ("action", "text", "message"),
    [
        ("identify", "Entrance", "was asked to show its name for 20 seconds"),
        ("reload", "", "was asked to load its page again"),
        ("test", "Prueba", "was asked to make a test call"),
    ],
)
def test_a_manager_sends_a_command_to_one_screen(client, manager_of_north, fleet, redis, action, text, message) -> None:
    Store.objects.filter(slug="north").update(language="es")
    screen = Screen.objects.get(name="Entrance")
    page = client.post(f"/fleet/screens/{screen.pk}/{action}", follow=True)

    assert page.redirect_chain == [(f"/fleet/screens/{screen.pk}", 302)]
    assert f"“Entrance” {message}." in page.content.decode()
    assert commands_in(redis) == [(screen.credential_id, action, text)]
    entry = LogEntry.objects.get(object_repr="Entrance", actor=manager_of_north)
    assert entry.changes == {"command": ["", action]}


def test_a_screen_that_is_not_connected_gets_no_command(client, manager_of_north, fleet, redis) -> None:
    page = client.post(f"/fleet/screens/{Screen.objects.get(name='Café').pk}/test", follow=True)

    assert "“Café” is not connected." in page.content.decode()
    assert commands_in(redis) == []
    assert not LogEntry.objects.filter(object_repr="Café", actor=manager_of_north).exists()


def test_a_person_may_send_only_so_many_commands(client, manager_of_north, fleet, redis, monkeypatch) -> None:
    monkeypatch.setattr(views, "MOST_COMMANDS", 2)
    path = f"/fleet/screens/{Screen.objects.get(name='Entrance').pk}/identify"
    pages = [client.post(path, follow=True).content.decode() for _ in range(3)]

    assert ["These are too many commands" in page for page in pages] == [False, False, True]
    assert len(commands_in(redis)) == 2


@pytest.mark.parametrize("action", ["identify", "reload", "test"])
def test_nobody_sends_commands_to_screens_of_other_stores(client, manager_of_north, fleet, redis, action) -> None:
    path = f"/fleet/screens/{Screen.objects.get(name='Hall').pk}/{action}"

    assert client.post(path).status_code == 404
    assert client.get(path).status_code == 405
    assert commands_in(redis) == []


def test_without_redis_the_manager_gets_the_reason(client, manager_of_north, fleet, environment) -> None:
    environment(redis_url="redis://127.0.0.1:9/0")
    page = client.post(f"/fleet/screens/{Screen.objects.get(name='Entrance').pk}/test", follow=True)

    assert "Nothing was changed, because the screens cannot be reached at the moment." in page.content.decode()
    assert not LogEntry.objects.filter(object_repr="Entrance", actor=manager_of_north).exists()


@pytest.mark.parametrize("path", ["/fleet", "/screens"])
def test_a_page_that_renews_itself_is_reloaded_when_the_person_is_no_longer_signed_in(client, store, path) -> None:
    response = client.get(path, headers={"HX-Request": "true"})

    assert response.headers["HX-Refresh"] == "true"
    assert client.get(path).status_code == 302


def test_the_pages_say_if_nobody_watches_the_screens(client, administrator, fleet, redis) -> None:
    number = Screen.objects.get(name="Entrance").pk
    paths = ["/fleet", f"/fleet/screens/{number}", "/s/north/screens"]

    def warnings() -> list[bool]:
        return ["The states may be old, because" in client.get(path).content.decode() for path in paths]

    assert warnings() == [True] * 3
    note_watched(timezone.now())
    assert warnings() == [False] * 3
    note_watched(timezone.now() - timedelta(seconds=31))
    assert warnings() == [True] * 3
    poll = client.get("/s/north/screens", headers={"HX-Request": "true"}).content.decode()
    assert '<div id="stale" aria-live="polite" hx-swap-oob="true"><p class="alert">' in poll
