"""The service tasks saves the states of screens and their outages, and the screens page shows the states."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from cashier_core.screen_status import REPLICAS_KEY, Link, PageState, ScreenStatus, Sound, key_of
from cashier_web.fleet import watch
from cashier_web.fleet.watch import GAP, ScreenWatch
from cashier_web.history.recorder import delete_old_calls
from cashier_web.models import Cause, Outage, PastCall, Screen, ScreenState, State
from cashier_web.screens.appearance import page_version

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def screens(store) -> list[Screen]:
    return [
        Screen.objects.create(store=store, name=name, secret_hash=name, seen_at=BEGIN) for name in ("Entrance", "Café")
    ]


@pytest.fixture
def page() -> PageState:
    return PageState(True, True, Sound.ON, page_version(), 1920, 1080, "Chrome 142")


@pytest.fixture
def run(monkeypatch, redis):
    """Return a function that lets the service tasks watch the screens every 5 s, each time in a new process.

    seconds: the time until which they are watched, since BEGIN. statuses: the statuses on the only replica during this
    time, by screen; None if no replica runs.
    """
    last = -5.0

    def run(seconds: float, statuses: dict[Screen, ScreenStatus] | None) -> None:
        nonlocal last
        redis.delete(REPLICAS_KEY, key_of("a"))
        if statuses is not None:
            redis.sadd(REPLICAS_KEY, "a")
            redis.hset(key_of("a"), mapping={"writes": 1})
            for screen, status in statuses.items():
                redis.hset(key_of("a"), screen.credential_id, status.to_json())
        while last < seconds:
            last = min(last + 5, seconds)
            watch_at(monkeypatch, last)

    return run


def watch_at(monkeypatch, seconds: float) -> None:
    """Watch the screens once, at this time since BEGIN."""
    with monkeypatch.context() as patch:
        patch.setattr(watch.timezone, "now", lambda: at(seconds))
        ScreenWatch().run()


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def state_of(screen: Screen) -> str:
    return ScreenState.objects.get(screen=screen).state


def outages_of(screen: Screen) -> list[tuple]:
    """Return begin, end and cause of each outage, in seconds since BEGIN, the oldest first."""
    return [
        (each.begins_at - BEGIN, each.ends_at and each.ends_at - BEGIN, each.cause)
        for each in screen.outages.order_by("begins_at")
    ]


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def test_the_state_says_what_the_page_has_reported_and_since_when(run, screens, page) -> None:
    first, second = screens
    hidden = page._replace(is_visible=False, width=800)
    run(0, {first: ScreenStatus(Link.REPORTING, page), second: ScreenStatus(Link.NEW)})
    run(5, {first: ScreenStatus(Link.REPORTING, page), second: ScreenStatus(Link.REPORTING, hidden)})
    run(60, {first: ScreenStatus(Link.REPORTING, page), second: ScreenStatus(Link.REPORTING, hidden)})

    rows = ScreenState.objects.in_bulk()
    assert set(rows) == {first.pk, second.pk}
    assert (rows[first.pk].state, rows[first.pk].since) == (State.SHOWING, at(0))
    assert (rows[first.pk].browser, rows[first.pk].width, rows[first.pk].height) == ("Chrome 142", 1920, 1080)
    assert (rows[second.pk].state, rows[second.pk].since, rows[second.pk].width) == (State.HIDDEN, at(5), 800)
    assert outages_of(second) == [(seconds(5), None, Cause.HIDDEN)]


def test_an_outage_ends_when_the_screen_shows_calls_again(run, screens, page) -> None:
    screen, other = screens
    showing = ScreenStatus(Link.REPORTING, page)
    run(0, {screen: showing, other: showing})
    run(30, {screen: ScreenStatus(Link.CLOSED, close_code=1006), other: showing})
    assert state_of(screen) == State.OFFLINE
    run(45, {screen: ScreenStatus(Link.NEW), other: showing})
    assert outages_of(screen) == [(seconds(5), None, Cause.UNKNOWN)], "the page has not reported yet"
    run(50, {screen: showing, other: showing})

    assert outages_of(screen) == [(seconds(5), seconds(50), Cause.UNKNOWN)]
    assert outages_of(other) == []
    assert ScreenState.objects.get(screen=screen).browser == "Chrome 142"


def test_each_cause_has_its_own_outage(run, screens, page) -> None:
    screen, _ = screens
    run(0, {screen: ScreenStatus(Link.REPORTING, page._replace(is_visible=False))})
    run(10, {screen: ScreenStatus(Link.REPORTING, page._replace(is_painting=False))})
    run(20, {screen: ScreenStatus(Link.REPORTING, page._replace(sound=Sound.BLOCKED))})

    assert outages_of(screen) == [
        (seconds(0), seconds(5), Cause.HIDDEN),
        (seconds(5), seconds(15), Cause.NOT_PAINTING),
    ]
    assert state_of(screen) == State.NO_SOUND


def test_a_line_that_is_down_is_one_outage_of_each_screen(run, screens, page) -> None:
    first, second = screens
    showing = ScreenStatus(Link.REPORTING, page)
    run(0, {first: showing, second: showing})
    run(10, {second: showing})
    run(25, {})
    assert (state_of(first), state_of(second)) == (State.OFFLINE, State.SHOWING)
    run(60, {})
    assert (state_of(first), state_of(second)) == (State.LINE_DOWN, State.LINE_DOWN)
    run(100, {})
    run(105, {first: showing})
    run(140, {first: showing})
    run(145, {first: showing, second: showing})

    assert outages_of(first) == [(seconds(5), seconds(105), Cause.LINE)]
    assert outages_of(second) == [
        (seconds(15), seconds(125), Cause.LINE),
        (seconds(125), seconds(145), Cause.UNKNOWN),
    ]


def test_a_restart_of_all_replicas_is_no_outage(run, screens, page) -> None:
    showing = dict.fromkeys(screens, ScreenStatus(Link.REPORTING, page))
    run(0, showing)
    run(15, {})
    run(60, None)
    run(75, {})
    run(80, showing)

    assert Outage.objects.count() == 0
    assert [state_of(each) for each in screens] == [State.SHOWING] * 2


def test_if_no_replica_runs_for_long_all_screens_have_an_outage_with_the_server_as_its_cause(
    run, screens, page
) -> None:
    first, second = screens
    showing, closed = ScreenStatus(Link.REPORTING, page), ScreenStatus(Link.CLOSED, None, 1001, at(5).timestamp())
    run(0, {first: showing, second: showing})
    run(40, {first: showing, second: closed})
    run(140, None)
    assert (state_of(first), state_of(second)) == (State.OFFLINE, State.OFFLINE)
    run(155, {})
    run(160, {first: showing, second: showing})

    assert outages_of(first) == [(seconds(40), seconds(160), Cause.SERVER)]
    assert outages_of(second) == [(seconds(5), seconds(160), Cause.PAGE_LEFT)]


def test_outages_of_a_screen_do_not_overlap(run, screens, page) -> None:
    screen, other = screens
    showing = ScreenStatus(Link.REPORTING, page)
    hidden = ScreenStatus(Link.REPORTING, page._replace(is_visible=False))
    run(0, {screen: showing, other: showing})
    run(60, {screen: hidden, other: showing})
    run(120, {screen: ScreenStatus(Link.CLOSED, None, 1001, at(65).timestamp()), other: showing})

    assert outages_of(screen) == [(seconds(5), seconds(65), Cause.HIDDEN), (seconds(65), None, Cause.PAGE_LEFT)]


def test_a_page_that_is_hidden_again_and_again_has_one_outage(run, screens, page) -> None:
    screen, _ = screens
    showing = ScreenStatus(Link.REPORTING, page)
    hidden = ScreenStatus(Link.REPORTING, page._replace(is_visible=False))
    run(0, {screen: showing})
    for begin in range(0, 300, 30):
        run(begin + 15, {screen: hidden})
        run(begin + 30, {screen: showing})

    assert outages_of(screen) == [(seconds(5), seconds(290), Cause.HIDDEN)]


def test_two_causes_in_turn_do_not_overlap(run, screens, page) -> None:
    screen, _ = screens
    hidden = ScreenStatus(Link.REPORTING, page._replace(is_visible=False))
    dark = ScreenStatus(Link.REPORTING, page._replace(is_painting=False))
    run(0, {screen: hidden})
    for begin in range(0, 200, 40):
        run(begin + 20, {screen: dark})
        run(begin + 40, {screen: hidden})
    found = outages_of(screen)

    assert [end for _begin, end, _cause in found[:-1]] == [begin for begin, _end, _cause in found[1:]]


def test_the_end_of_an_outage_of_the_server_does_not_change_its_cause(run, stores, screens, page) -> None:
    first, second = screens
    Screen.objects.filter(pk=second.pk).update(store=stores[0])
    showing = ScreenStatus(Link.REPORTING, page)
    run(0, {first: showing, second: showing})
    run(60, {})
    run(65, {first: showing})
    run(70, {first: showing, second: showing})

    assert outages_of(first) == [(seconds(5), seconds(65), Cause.SERVER)]
    assert outages_of(second) == [(seconds(5), seconds(70), Cause.SERVER)]


def test_processes_that_take_turns_shorten_no_grace(screens, page, redis, monkeypatch) -> None:
    """During an update, an old and a new process of the service tasks may run."""
    screen, _ = screens
    redis.sadd(REPLICAS_KEY, "a")
    redis.hset(key_of("a"), mapping={"writes": 1, screen.credential_id: ScreenStatus(Link.REPORTING, page).to_json()})
    processes = [ScreenWatch(), ScreenWatch()]
    states = []
    for step in range(6):
        monkeypatch.setattr(watch.timezone, "now", lambda passed=step * 5: at(passed))
        monkeypatch.setattr(watch.time, "monotonic", lambda passed=step * 5: 1000.0 + passed)
        processes[step % 2].run()
        states.append(state_of(screen))
        redis.hdel(key_of("a"), screen.credential_id)

    assert states == [State.SHOWING] * 5 + [State.OFFLINE], "the screen is away since the second step"


def test_after_a_gap_nothing_is_known_and_open_outages_have_ended_when_the_screens_were_watched_last(
    run, screens, page, monkeypatch
) -> None:
    """For example, the host was off, or version 0.1.0 ran for a while."""
    first, second = screens
    run(0, {first: ScreenStatus(Link.REPORTING, page._replace(is_visible=False)), second: ScreenStatus(Link.NEW)})
    run(10, {first: ScreenStatus(Link.REPORTING, page._replace(is_visible=False)), second: ScreenStatus(Link.NEW)})
    watch_at(monkeypatch, 10 + GAP.total_seconds() + 1)

    assert outages_of(first) == [(seconds(0), seconds(10), Cause.HIDDEN), (seconds(611), None, Cause.HIDDEN)]


def test_a_new_process_knows_how_long_a_screen_has_been_away(run, screens, page) -> None:
    """`run` keeps nothing between two runs except in Redis and in the database."""
    run(0, dict.fromkeys(screens, ScreenStatus(Link.REPORTING, page)))
    run(25, {})

    assert {each.since for each in ScreenState.objects.all()} == {at(5)}


def test_a_revoked_screen_has_no_state_and_its_outage_ends(run, screens, page) -> None:
    run(0, dict.fromkeys(screens, ScreenStatus(Link.REPORTING, page)))
    run(30, {})
    Screen.objects.filter(pk=screens[0].pk).update(revoked_at=timezone.now())
    run(40, {})

    assert [each.screen_id for each in ScreenState.objects.all()] == [screens[1].pk]
    assert outages_of(screens[0]) == [(seconds(5), seconds(35), Cause.LINE)]


def test_a_screen_that_was_moved_keeps_its_state(run, screens, stores, page) -> None:
    screen, _ = screens
    run(0, {screen: ScreenStatus(Link.REPORTING, page)})
    Screen.objects.filter(pk=screen.pk).update(store=stores[0], generation=2)
    screen.refresh_from_db()
    run(5, {screen: ScreenStatus(Link.NEW)})
    run(10, {screen: ScreenStatus(Link.REPORTING, page)})

    assert state_of(screen) == State.SHOWING
    assert Outage.objects.count() == 0


def test_if_nothing_changes_nothing_is_written(run, screens, page, django_assert_max_num_queries) -> None:
    showing = dict.fromkeys(screens, ScreenStatus(Link.REPORTING, page))
    run(0, showing)
    with django_assert_max_num_queries(4):
        run(5, showing)


def test_statuses_that_are_not_valid_are_logged_and_the_other_screens_are_watched(
    run, redis, screens, page, records
) -> None:
    run(0, {screens[0]: ScreenStatus(Link.REPORTING, page)})
    redis.hset(key_of("a"), screens[1].credential_id, "nonsense")
    redis.hset(key_of("a"), screens[0].credential_id, ScreenStatus(Link.SILENT).to_json())
    ScreenWatch().run()

    assert state_of(screens[0]) == State.NOT_PAINTING
    assert [record.getMessage() for record in records()] == ["the statuses of screens are invalid: 1"]


def test_outages_are_deleted_with_the_history(store, screens, environment) -> None:
    environment(cashier_history_days=30)
    now = timezone.now()
    times = {"pressed_at": now, "starts_at": now, "ends_at": now}
    PastCall.objects.create(store=store, mark="new", seq=1, till=4, language="en", outcome="shown", **times)
    old, open_since, new = now - timedelta(days=31), now - timedelta(days=40), now - timedelta(days=29)
    Outage.objects.create(screen=screens[0], begins_at=old, ends_at=old, cause=Cause.LINE)
    Outage.objects.create(screen=screens[0], begins_at=new, ends_at=new, cause=Cause.LINE)
    Outage.objects.create(screen=screens[1], begins_at=open_since, cause=Cause.LINE)
    delete_old_calls()

    assert sorted(each.begins_at for each in Outage.objects.all()) == [open_since, new]


def test_the_screens_page_shows_the_states_and_asks_for_them_again(client, manager, run, screens, page) -> None:
    run(0, {screens[0]: ScreenStatus(Link.REPORTING, page._replace(is_visible=False))})
    text = client.get("/screens").content.decode()
    states = re.findall(r'<span id="state-(\d+)" class="state (\w*)">(.*?)\n', text)
    assert states == [(str(screens[1].pk), "", "not known yet</span>"), (str(screens[0].pk), "bad", "hidden")]
    assert 'hx-get="/screens"' in text

    poll = client.get("/screens", headers={"HX-Request": "true"}).content.decode()
    assert re.findall(r'<span id="state-(\d+)" class="state (\w*)" hx-swap-oob="true">', poll) == [
        (str(screens[1].pk), ""),
        (str(screens[0].pk), "bad"),
    ]
    assert "<form" not in poll


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_makes_no_screen_offline_at_once_and_delays_nothing(
    run, screens, page, monkeypatch, hours
) -> None:
    away, other = screens
    showing = ScreenStatus(Link.REPORTING, page)
    run(0, {away: showing, other: showing})
    run(5, {other: showing})
    process, states = ScreenWatch(), []
    for step in range(6):
        offset = hours * 3600 if step else 0
        monkeypatch.setattr(watch.timezone, "now", lambda passed=offset + step * 5: at(5 + passed))
        monkeypatch.setattr(watch.time, "monotonic", lambda passed=step * 5: 1000.0 + passed)
        process.run()
        states.append(state_of(away))

    assert states[:3] == [State.SHOWING] * 3
    assert states[-1] == State.OFFLINE
    assert state_of(other) == State.SHOWING
