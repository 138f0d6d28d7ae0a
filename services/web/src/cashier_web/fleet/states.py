"""Decides in which state each paired screen is, and how long a screen may be away before it is offline.

The functions of this module need neither the database nor Redis. fleet/watch.py calls them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from cashier_core.screen_status import Link, PageState, ScreenStatus, Sound
from cashier_web.models import Cause, Severity, State

NO_TIME = timedelta()
GRACE = timedelta(seconds=20)
"""A screen is offline if it has been away for this time. A screen that has lost its connection is usually back within
10 s, also after a restart of Nginx or of a replica."""
GRACE_AFTER_LOST_REPLICA = timedelta(seconds=45)
"""The same after a replica was killed or has hung. The page of a screen notices a hanging replica after 40 s."""
FIRST_GRACE = timedelta(minutes=10)
"""The same for a screen about which nothing is known. During an update from version 0.1.0, such a screen may be
connected to an old replica, which tells nothing."""
REPORT_GRACE = timedelta(seconds=140)
"""If a screen has been connected for this time, and has reported on none of its connections, its state is unknown."""
SERVER_GRACE = timedelta(seconds=60)
"""If no replica has run for this time, all screens are offline."""
RECENT_SECONDS = 15.0
"""The close of a connection that is older than this has nothing to do with an absence that was noticed now."""
LINE_WINDOW = timedelta(seconds=90)
"""If all screens of a store have disappeared within this time, its line is down. A screen that was cut off is noticed
up to 40 s later."""
SERVER_WINDOW = timedelta(seconds=10)
"""If all screens of all stores have disappeared within this time, the server or its network was away."""
PAGE_LEFT_CODES = {1000, 1001}
FROZEN_CODE = 4000
"""The close code that a page sends if its browser has painted nothing for a minute."""


class SavedState(NamedTuple):
    """The last state of a screen, as the database contains it (see ScreenState)."""

    state: str
    cause: str
    since: datetime
    version: str
    browser: str
    width: int
    height: int


class KnownScreen(NamedTuple):
    """A paired screen, and what is known about it.

    key, store: the primary keys of the screen and its store. was_seen: whether it has ever loaded its page.
    saved: its last state; None if nothing is known about it. asleep_until: see Store.
    """

    key: int
    store: int
    was_seen: bool
    saved: SavedState | None = None
    asleep_until: datetime | None = None


class Absence(NamedTuple):
    """A screen that is connected to no replica.

    since: when this was noticed. grace: the time after which the screen counts as offline; it becomes shorter each time
    the screens are watched. close_code: the close code of its last connection; 0 if it is not known.
    is_together: whether all screens of its store, or all screens of all stores, were offline together with it when the
    screens were watched last.
    """

    since: datetime
    grace: timedelta
    close_code: int = 0
    is_together: bool = False


@dataclass
class Memory:
    """What is remembered from one time at which the screens are watched to the next.

    absences: the screens that are connected to no replica, by primary key.
    unreported: the screens that are connected, but have not reported since, and the time that they still have.
    without_replicas: for how long no replica has run.
    """

    absences: dict[int, Absence] = field(default_factory=dict)
    unreported: dict[int, timedelta] = field(default_factory=dict)
    without_replicas: timedelta = NO_TIME


class Finding(NamedTuple):
    """The state of a screen. since: when it began. page: what its page has reported; None if it has not reported."""

    state: State
    cause: Cause | str
    since: datetime
    page: PageState | None = None


OfScreens = Mapping[int, Sequence[ScreenStatus]]
"""The statuses of each screen on all replicas, by the primary key of the screen."""


def remember(
    memory: Memory,
    screens: Sequence[KnownScreen],
    statuses: OfScreens,
    now: datetime,
    passed: timedelta,
    *,
    is_replica_lost: bool,
) -> Memory:
    """Return what must be remembered, if at least one replica runs.

    memory, passed: the result of the last call, and the time that has passed since. is_replica_lost: whether a replica
    was killed or has hung since the last call.
    """
    found = Memory()
    connections = {each.key: connections_of(statuses.get(each.key, ())) for each in screens}
    connected_stores = {each.store for each in screens if connections[each.key]}
    for screen in screens:
        if not connections[screen.key]:
            absence = memory.absences.get(screen.key)
            if absence and is_never_seen(screen):
                pass  # When somebody opens its page, the screen gets the whole time to connect.
            elif absence:
                absence = absence._replace(grace=max(absence.grace - passed, NO_TIME))
            else:
                absence = begin_absence(screen, statuses.get(screen.key, ()), now, is_replica_lost=is_replica_lost)
            if is_still_together(screen.saved, screen.store, connected_stores):
                absence = absence._replace(is_together=True)
            elif absence.is_together:
                # The first screen is back. The other screens get time to connect, too.
                absence = absence._replace(is_together=False, grace=GRACE)
            found.absences[screen.key] = absence
        elif all(each.link == Link.NEW for each in connections[screen.key]):
            left = memory.unreported.get(screen.key, REPORT_GRACE + passed)
            found.unreported[screen.key] = max(left - passed, NO_TIME)
    return found


def is_still_together(saved: SavedState | None, store: int, connected_stores: set[int]) -> bool:
    """Return whether a screen was offline together with others, and none of them is back.

    saved: the last state of the screen. connected_stores: the stores of which a screen is connected.
    """
    if saved is None:
        return False
    if saved.cause == Cause.SERVER:
        return not connected_stores
    return saved.state in {State.LINE_DOWN, State.ASLEEP} and store not in connected_stores


def begin_absence(
    screen: KnownScreen, statuses: Sequence[ScreenStatus], now: datetime, *, is_replica_lost: bool
) -> Absence:
    """Return the absence of a screen that was noticed now. statuses: its closed connections."""
    last = max(statuses, key=lambda each: each.closed_at, default=None)
    is_recent = last is not None and last.closed_at > now.timestamp() - RECENT_SECONDS
    if screen.saved is None:
        grace = FIRST_GRACE
    else:
        grace = GRACE_AFTER_LOST_REPLICA if is_replica_lost and not is_recent else GRACE
    return Absence(now, grace, last.close_code if last and is_recent else 0)


def remember_without_replicas(memory: Memory, passed: timedelta) -> Memory:
    """Return what must be remembered if no replica runs. When one has started, all screens get time to connect."""
    absences = {key: each._replace(grace=max(each.grace, GRACE)) for key, each in memory.absences.items()}
    return Memory(absences, {}, memory.without_replicas + passed)


def judge(
    screens: Sequence[KnownScreen], statuses: OfScreens, memory: Memory, now: datetime, version: str
) -> dict[int, Finding]:
    """Return the state of each screen whose state can be known now, by primary key.

    A screen that has just connected or disconnected keeps its last state. version: the current version of the page.
    """
    found = {}
    away = []
    for screen in screens:
        absence = memory.absences.get(screen.key)
        if absence is None:
            best = min(connections_of(statuses[screen.key]), key=lambda each: each.rank)
            is_overdue = memory.unreported.get(screen.key) == NO_TIME
            if finding := state_of_connection(best, now, version, is_overdue=is_overdue):
                found[screen.key] = finding
        elif is_never_seen(screen):
            found[screen.key] = Finding(State.NEVER_SEEN, "", now)
        elif not absence.grace:
            away.append(screen)
    return found | judge_away(screens, away, memory, now)


def judge_without_replicas(screens: Sequence[KnownScreen], memory: Memory, now: datetime) -> dict[int, Finding]:
    """Return the states of the screens if no replica runs. Screens that were offline before keep their state."""
    if memory.without_replicas < SERVER_GRACE:
        return {}
    finding = Finding(State.OFFLINE, Cause.SERVER, now - memory.without_replicas)
    kept = {State.OFFLINE, State.LINE_DOWN, State.NEVER_SEEN}
    return {each.key: finding for each in screens if each.saved and each.saved.state not in kept}


def judge_away(
    screens: Sequence[KnownScreen], away: Sequence[KnownScreen], memory: Memory, now: datetime
) -> dict[int, Finding]:
    """Return the states of the screens that are offline (away), alone or together with others.

    Televisions that are switched off at night say nothing about the server.
    """
    absences = memory.absences
    connected_stores = {each.store for each in screens if each.key not in absences}
    # A page that was left, or whose browser has ended, says nothing about the line.
    cut_off: defaultdict[int, list[KnownScreen]] = defaultdict(list)
    for screen in away:
        if absences[screen.key].close_code not in PAGE_LEFT_CODES | {FROZEN_CODE}:
            cut_off[screen.store].append(screen)
    together = {store: begun_together(each, absences, LINE_WINDOW) for store, each in cut_off.items()}
    everywhere = [
        each
        for of_store in cut_off.values()
        for each in of_store
        if not each.asleep_until or each.asleep_until <= min(now, absences[each.key].since)
    ]
    all_together = begun_together(everywhere, absences, SERVER_WINDOW)
    is_server_away = not connected_stores and len({each.store for each in all_together}) > 1
    found = {}
    for screen in away:
        absence = absences[screen.key]
        of_store = together.get(screen.store, [])
        if is_server_away and screen in all_together:
            found[screen.key] = Finding(State.OFFLINE, Cause.SERVER, absence.since)
        elif screen in of_store and len(of_store) > 1 and screen.store not in connected_stores:
            found[screen.key] = Finding(State.LINE_DOWN, Cause.LINE, absence.since)
        else:
            found[screen.key] = state_of_absent(absence)
    return found


def within_hours(findings: Mapping[int, Finding], screens: Sequence[KnownScreen], now: datetime) -> dict[int, Finding]:
    """Return the states with regard to the opening hours of the stores.

    Outside of these hours, a screen that shows no calls is asleep. Within them, an outage that began earlier counts
    from the beginning of the hours.
    """
    found = {}
    asleep_until = {each.key: each.asleep_until for each in screens}
    for key, finding in findings.items():
        wakes_at = asleep_until[key]
        if wakes_at is None or finding.state.severity != Severity.BAD:
            found[key] = finding
        elif now < wakes_at:
            found[key] = Finding(State.ASLEEP, "", now, finding.page)
        else:
            found[key] = finding._replace(since=max(finding.since, wakes_at))
    return found


def begun_together(
    away: Sequence[KnownScreen], absences: Mapping[int, Absence], window: timedelta
) -> list[KnownScreen]:
    """Return the screens that have disappeared within a time, up to the last one that has disappeared."""
    newest = max((absences[each.key].since for each in away), default=None)
    return [each for each in away if newest and absences[each.key].since >= newest - window]


def is_never_seen(screen: KnownScreen) -> bool:
    return not screen.was_seen and (screen.saved is None or screen.saved.state == State.NEVER_SEEN)


def connections_of(statuses: Sequence[ScreenStatus]) -> list[ScreenStatus]:
    """Return the statuses that are not those of closed connections."""
    return [each for each in statuses if each.link != Link.CLOSED]


def state_of_connection(status: ScreenStatus, now: datetime, version: str, *, is_overdue: bool) -> Finding | None:
    """Return the state of a connected screen; None if it has just connected, so that its last state is kept.

    is_overdue: whether the screen has been connected for `REPORT_GRACE` without a report.
    """
    if status.page:
        return Finding(*state_of_page(status.page, version), now, status.page)
    if status.link == Link.SILENT:
        return Finding(State.NOT_PAINTING, Cause.SILENT, now)
    if status.link == Link.UNABLE or is_overdue:
        return Finding(State.UNKNOWN, "", now)
    return None


def state_of_page(page: PageState, version: str) -> tuple[State, Cause | str]:
    if not page.is_visible:
        return State.HIDDEN, Cause.HIDDEN
    if not page.is_painting:
        return State.NOT_PAINTING, Cause.NOT_PAINTING
    if page.sound == Sound.BLOCKED:
        return State.NO_SOUND, ""
    return State.SHOWING if page.version == version else State.OLD_VERSION, ""


def state_of_absent(absence: Absence) -> Finding:
    """Return the state of a screen that is offline alone."""
    if absence.close_code == FROZEN_CODE:
        # The page connects again only after its browser has painted.
        return Finding(State.NOT_PAINTING, Cause.NOT_PAINTING, absence.since)
    cause = Cause.PAGE_LEFT if absence.close_code in PAGE_LEFT_CODES else Cause.UNKNOWN
    return Finding(State.OFFLINE, cause, absence.since)
