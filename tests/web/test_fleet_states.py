"""Which state a screen has follows from its statuses on all replicas, and from how long it has been away."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from cashier_core.screen_status import Link, PageState, ScreenStatus, Sound
from cashier_web.fleet.states import (
    FIRST_GRACE,
    GRACE,
    GRACE_AFTER_LOST_REPLICA,
    LINE_WINDOW,
    REPORT_GRACE,
    SERVER_GRACE,
    Finding,
    KnownScreen,
    Memory,
    SavedState,
    judge,
    judge_without_replicas,
    remember,
    remember_without_replicas,
    within_hours,
)
from cashier_web.models import Cause, State

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
VERSION = "ab12cd34"
PAGE = PageState(True, True, Sound.ON, VERSION, 1920, 1080, "Chrome 142")
SHOWING = ScreenStatus(Link.REPORTING, PAGE)


def reporting(**changed) -> ScreenStatus:
    return ScreenStatus(Link.REPORTING, PAGE._replace(**changed))


def closed(code: int, at: datetime = NOW) -> ScreenStatus:
    return ScreenStatus(Link.CLOSED, None, code, at.timestamp())


def screen(key: int = 1, store: int = 1, *, was_seen: bool = True, state: State | None = State.SHOWING) -> KnownScreen:
    return KnownScreen(key, store, was_seen, SavedState(state, "", NOW, "", "", 0, 0) if state else None)


class Fleet:
    """Screens that are watched every 5 s. What is found becomes their last state."""

    def __init__(self, *screens: KnownScreen) -> None:
        self.screens = list(screens)
        self.now = NOW
        self.memory = Memory()

    def watch(
        self, seconds: float = 5, *, lost: bool = False, **statuses: Sequence[ScreenStatus]
    ) -> dict[int, Finding]:
        """Let time pass, and return the last findings.

        statuses: s1=... are the statuses of the screen with the key 1. lost: whether a replica is lost at the begin.
        """
        of_screens = {int(name[1:]): each for name, each in statuses.items()}
        while seconds > 0:
            passed = min(seconds, 5) * SECOND
            seconds -= 5
            self.now += passed
            self.memory = remember(self.memory, self.screens, of_screens, self.now, passed, is_replica_lost=lost)
            lost = False
            found = judge(self.screens, of_screens, self.memory, self.now, VERSION)
            self.save(found)
        return found

    def save(self, found: dict[int, Finding]) -> None:
        for index, screen in enumerate(self.screens):
            if finding := found.get(screen.key):
                saved = SavedState(finding.state, finding.cause, finding.since, "", "", 0, 0)
                self.screens[index] = screen._replace(saved=saved)

    def states(self, seconds: float = 5, **options) -> dict[int, State]:
        return {key: finding.state for key, finding in self.watch(seconds, **options).items()}


@pytest.mark.parametrize(
    ("statuses", "state", "cause"),
    [
        ([SHOWING], State.SHOWING, ""),
        ([reporting(is_visible=False)], State.HIDDEN, Cause.HIDDEN),
        ([reporting(is_painting=False)], State.NOT_PAINTING, Cause.NOT_PAINTING),
        ([ScreenStatus(Link.SILENT)], State.NOT_PAINTING, Cause.SILENT),
        ([reporting(sound=Sound.BLOCKED)], State.NO_SOUND, ""),
        ([reporting(sound=Sound.OFF)], State.SHOWING, ""),
        ([reporting(version="another")], State.OLD_VERSION, ""),
        ([ScreenStatus(Link.UNABLE)], State.UNKNOWN, ""),
        ([closed(1006), SHOWING], State.SHOWING, ""),
        ([reporting(is_visible=False), SHOWING], State.SHOWING, ""),
        ([ScreenStatus(Link.UNABLE), reporting(is_visible=False)], State.UNKNOWN, ""),
        ([reporting(sound=Sound.BLOCKED), SHOWING], State.SHOWING, ""),
    ],
)
def test_the_state_of_a_connected_screen_is_what_its_page_reports(statuses, state, cause) -> None:
    found = Fleet(screen(state=State.OFFLINE)).watch(s1=statuses)[1]

    assert (found.state, found.cause) == (state, cause)


def test_a_screen_that_has_just_connected_keeps_its_state() -> None:
    fleet = Fleet(screen(state=State.OFFLINE))
    assert fleet.watch(s1=[ScreenStatus(Link.NEW)]) == {}
    assert fleet.watch(s1=[ScreenStatus(Link.SILENT), ScreenStatus(Link.NEW)]) == {}


def test_a_screen_that_connects_again_and_again_without_a_report_is_unknown() -> None:
    fleet = Fleet(screen())
    fleet.watch(s1=[SHOWING])
    assert fleet.states(REPORT_GRACE.total_seconds() - 5, s1=[ScreenStatus(Link.NEW)]) == {}

    assert fleet.states(10, s1=[ScreenStatus(Link.NEW)]) == {1: State.UNKNOWN}
    assert fleet.states(s1=[SHOWING]) == {1: State.SHOWING}


def test_a_screen_is_offline_when_it_has_been_away_for_longer_than_a_reconnect_takes() -> None:
    fleet = Fleet(screen())
    fleet.watch(s1=[SHOWING])
    assert fleet.watch(s1=[closed(1006)]) == {}
    away_since = fleet.now
    assert fleet.watch(GRACE.total_seconds() - 1) == {}

    assert fleet.watch(1) == {1: Finding(State.OFFLINE, Cause.UNKNOWN, away_since)}


def test_a_screen_that_flaps_is_not_offline() -> None:
    fleet = Fleet(screen())
    for _ in range(20):
        assert fleet.states(10, s1=[SHOWING]) == {1: State.SHOWING}
        assert fleet.states(10, s1=[closed(1006)]) == {}


def test_after_a_replica_was_killed_its_screens_have_more_time() -> None:
    """The page of a screen notices a replica that hangs only after 40 s."""
    fleet = Fleet(screen(1), screen(2, store=2), screen(3, store=3))
    fleet.watch(s1=[SHOWING], s2=[SHOWING], s3=[SHOWING])
    long_ago = closed(1006, NOW - 60 * SECOND)
    fleet.watch(lost=True, s1=[], s2=[closed(1006, NOW + 10 * SECOND)], s3=[long_ago])

    assert fleet.states(GRACE.total_seconds()) == {2: State.OFFLINE}, "the replica of screen 2 was not lost"
    assert set(fleet.states((GRACE_AFTER_LOST_REPLICA - GRACE).total_seconds())) == {1, 2, 3}


def test_a_screen_about_which_nothing_is_known_has_time_to_leave_an_old_replica() -> None:
    """Replicas of version 0.1.0 tell nothing about their screens."""
    fleet = Fleet(screen(state=None))
    assert fleet.states(FIRST_GRACE.total_seconds()) == {}

    assert fleet.states(10) == {1: State.OFFLINE}


@pytest.mark.parametrize(
    ("code", "state", "cause"),
    [
        (1001, State.OFFLINE, Cause.PAGE_LEFT),
        (1006, State.OFFLINE, Cause.UNKNOWN),
        (1012, State.OFFLINE, Cause.UNKNOWN),
        (4000, State.NOT_PAINTING, Cause.NOT_PAINTING),
    ],
)
def test_the_last_close_code_tells_the_cause_as_long_as_the_screen_is_away(code, state, cause) -> None:
    fleet = Fleet(screen())
    fleet.watch(s1=[SHOWING])
    fleet.watch(s1=[closed(1001 if code == 4000 else 4000, NOW), closed(code, NOW + 5 * SECOND)])
    found = [fleet.watch(seconds)[1] for seconds in (60, 86_400)]  # After two minutes, no replica knows the code.

    assert [(each.state, each.cause) for each in found] == [(state, cause)] * 2


def test_if_all_screens_of_a_store_disappear_together_its_line_is_down() -> None:
    fleet = Fleet(screen(1), screen(2), screen(3, store=2), screen(4, store=2))
    fleet.watch(s1=[SHOWING], s2=[SHOWING], s3=[SHOWING], s4=[SHOWING])
    fleet.watch(s2=[SHOWING], s4=[SHOWING])
    assert fleet.states(20, s4=[SHOWING]) == {1: State.OFFLINE, 3: State.OFFLINE, 4: State.SHOWING}

    assert fleet.states(30, s4=[SHOWING]) == {
        1: State.LINE_DOWN,
        2: State.LINE_DOWN,
        3: State.OFFLINE,
        4: State.SHOWING,
    }


def test_when_one_screen_of_the_store_is_back_the_others_have_time_to_connect() -> None:
    fleet = Fleet(screen(1), screen(2), screen(3))
    assert fleet.states() == {}
    assert set(fleet.states(60).values()) == {State.LINE_DOWN}
    assert fleet.states(15, s1=[SHOWING]) == {1: State.SHOWING}
    assert fleet.states(s1=[SHOWING], s2=[SHOWING]) == {1: State.SHOWING, 2: State.SHOWING}

    assert fleet.states(s1=[SHOWING], s2=[SHOWING]) == {1: State.SHOWING, 2: State.SHOWING, 3: State.OFFLINE}


def test_screens_that_are_switched_off_together_are_no_line_that_is_down() -> None:
    """A kiosk closes its browser when the store closes."""
    fleet = Fleet(screen(1), screen(2))
    fleet.watch(s1=[closed(1001)], s2=[closed(1001)])

    assert fleet.states(30) == {1: State.OFFLINE, 2: State.OFFLINE}


def test_if_all_stores_disappear_together_the_server_is_the_cause() -> None:
    fleet = Fleet(screen(1), screen(2), screen(3, store=2))
    fleet.watch()
    found = fleet.watch(30)
    assert {(each.state, each.cause) for each in found.values()} == {(State.OFFLINE, Cause.SERVER)}

    assert fleet.states(15, s3=[SHOWING]) == {3: State.SHOWING}, "the other screens have time to connect"
    assert fleet.states(s1=[SHOWING], s2=[SHOWING], s3=[SHOWING]) == dict.fromkeys((1, 2, 3), State.SHOWING)


def test_stores_that_disappear_one_after_the_other_have_lines_of_their_own() -> None:
    fleet = Fleet(screen(1), screen(2), screen(3, store=2), screen(4, store=2))
    fleet.watch()
    fleet.watch(30, s3=[SHOWING], s4=[SHOWING])

    assert set(fleet.states(30).values()) == {State.LINE_DOWN}


def test_while_no_replica_runs_screens_are_offline_after_a_minute() -> None:
    fleet = Fleet(screen(1), screen(2, state=State.LINE_DOWN), screen(3, state=None))
    memory = Memory()
    for _ in range(11):
        memory = remember_without_replicas(memory, 5 * SECOND)
    assert judge_without_replicas(fleet.screens, memory, NOW) == {}
    memory = remember_without_replicas(memory, 5 * SECOND)

    assert judge_without_replicas(fleet.screens, memory, NOW) == {
        1: Finding(State.OFFLINE, Cause.SERVER, NOW - SERVER_GRACE)
    }


def test_a_screen_that_was_broken_before_is_offline_alone() -> None:
    fleet = Fleet(screen(1), screen(2), screen(3))
    fleet.watch(LINE_WINDOW.total_seconds() + 10, s2=[SHOWING], s3=[SHOWING])

    assert fleet.states(60) == {1: State.OFFLINE, 2: State.LINE_DOWN, 3: State.LINE_DOWN}


def test_a_store_with_one_screen_has_no_line() -> None:
    fleet = Fleet(screen())
    fleet.watch()

    assert fleet.states(60) == {1: State.OFFLINE}


def test_a_screen_that_never_loaded_its_page_was_never_seen() -> None:
    fleet = Fleet(screen(was_seen=False, state=None))
    assert fleet.states() == {1: State.NEVER_SEEN}
    assert fleet.states(3600) == {1: State.NEVER_SEEN}

    fleet.screens[0] = fleet.screens[0]._replace(was_seen=True)
    assert fleet.states(10) == {}, "its page was loaded, and connects soon"
    assert fleet.states(s1=[SHOWING]) == {1: State.SHOWING}


def test_outside_of_the_opening_hours_a_screen_that_shows_no_calls_is_asleep() -> None:
    screens = [screen(key)._replace(asleep_until=NOW + 60 * SECOND) for key in (1, 2, 3)]
    findings = {
        1: Finding(State.OFFLINE, Cause.UNKNOWN, NOW - 60 * SECOND),
        2: Finding(State.HIDDEN, Cause.HIDDEN, NOW, PAGE),
        3: Finding(State.NO_SOUND, "", NOW, PAGE),
    }

    assert within_hours(findings, screens, NOW) == {
        1: Finding(State.ASLEEP, "", NOW),
        2: Finding(State.ASLEEP, "", NOW, PAGE),
        3: findings[3],
    }


def test_in_the_morning_an_outage_begins_with_the_opening_hours() -> None:
    opened_at = NOW - 10 * SECOND
    offline = Finding(State.OFFLINE, Cause.UNKNOWN, NOW - timedelta(hours=12))

    found = within_hours({1: offline}, [screen()._replace(asleep_until=opened_at)], NOW)
    assert found == {1: offline._replace(since=opened_at)}
    assert within_hours({1: offline}, [screen()], NOW) == {1: offline}


def test_screens_that_were_off_at_night_get_time_when_the_first_is_back() -> None:
    fleet = Fleet(screen(1, state=State.ASLEEP), screen(2, state=State.ASLEEP))
    fleet.watch(60)
    fleet.save({1: Finding(State.ASLEEP, "", NOW), 2: Finding(State.ASLEEP, "", NOW)})
    fleet.watch()

    assert 2 not in fleet.watch(s1=[SHOWING])


def test_televisions_that_were_off_all_night_say_nothing_about_the_server() -> None:
    opened_at = NOW + 600 * SECOND
    fleet = Fleet(*(screen(store, store)._replace(asleep_until=opened_at) for store in (1, 2)))
    fleet.watch(605)

    assert {finding.cause for finding in fleet.watch().values()} == {Cause.UNKNOWN}


def test_if_all_stores_that_are_open_disappear_together_the_server_is_the_cause() -> None:
    opened_at = NOW - 600 * SECOND
    fleet = Fleet(*(screen(store, store)._replace(asleep_until=opened_at) for store in (1, 2)))
    fleet.watch(60)

    assert {finding.cause for finding in fleet.watch().values()} == {Cause.SERVER}
