"""Decides in which state each paired screen is, and how long a screen may be away before it is offline.

The functions of this module need neither the database nor Redis. fleet/watch.py calls them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cashier_core.screen_status import Link, PageState, ScreenStatus, Sound
from cashier_web.models import Cause, State

GRACE = timedelta(seconds=20)
"""A screen is offline if it has been away for this time. A screen that has lost its connection is usually back within
10 s, also after a restart of Nginx or of a replica."""
GRACE_AFTER_LOST_REPLICA = timedelta(seconds=45)
"""The same after a replica was killed or has hung. The page of a screen notices a hanging replica after 40 s."""
NO_TIME = timedelta()
LINE_WINDOW = timedelta(seconds=90)
"""If all screens of a store have disappeared within this time, its line is down. The server notices after up to 60 s
that a screen was cut off."""
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
    saved: its last state; None if there is none.
    """

    key: int
    store: int
    was_seen: bool
    saved: SavedState | None = None


class Absence(NamedTuple):
    """A screen that is connected to no replica.

    since: when this was noticed. grace: the time after which the screen counts as offline; it becomes shorter each time
    the screens are watched. close_code: the close code of its last connection; 0 if it is not known.
    """

    since: datetime
    grace: timedelta
    close_code: int


class Finding(NamedTuple):
    """The state of a screen. since: when it began. page: what its page has reported; None if it has not reported."""

    state: State
    cause: Cause | str
    since: datetime
    page: PageState | None = None


ORDER = [State.SHOWING, State.OLD_VERSION, State.MUTED, State.UNKNOWN, State.HIDDEN, State.NOT_PAINTING]
"""The states of a connected screen, the best first."""


def note_absences(
    screens: Iterable[KnownScreen],
    statuses: Mapping[int, Sequence[ScreenStatus]],
    absences: Mapping[int, Absence],
    now: datetime,
    passed: timedelta,
    *,
    is_replica_lost: bool,
) -> dict[int, Absence]:
    """Return the screens that are connected to no replica, by primary key.

    statuses: the statuses of each screen on all replicas. absences, passed: the result of the last call, and the time
    that has passed since. is_replica_lost: whether a replica was killed or has hung since the last call.
    """
    found = {}
    for screen in screens:
        of_screen = statuses.get(screen.key, ())
        if any(each.link != Link.CLOSED for each in of_screen):
            continue
        close_code = max((each.close_code for each in of_screen), default=0)
        if absence := absences.get(screen.key):
            found[screen.key] = absence._replace(grace=max(absence.grace - passed, NO_TIME))
        else:
            grace = GRACE_AFTER_LOST_REPLICA if is_replica_lost and not of_screen else GRACE
            found[screen.key] = Absence(now, grace, close_code)
    return found


def judge(
    screens: Sequence[KnownScreen],
    statuses: Mapping[int, Sequence[ScreenStatus]],
    absences: Mapping[int, Absence],
    now: datetime,
    version: str,
) -> dict[int, Finding]:
    """Return the state of each screen whose state can be known now, by primary key.

    A screen that has just connected or disconnected keeps its last state. version: the current version of the page.
    The other parameters are those of `note_absences`, and its result.
    """
    found = {}
    with_connection = {each.store for each in screens if each.key not in absences}
    newest: dict[int, datetime] = {}
    due: defaultdict[int, list[KnownScreen]] = defaultdict(list)
    for screen in screens:
        absence = absences.get(screen.key)
        if absence is None:
            if finding := state_of(statuses[screen.key], now, version):
                found[screen.key] = finding
        elif not screen.was_seen and (screen.saved is None or screen.saved.state == State.NEVER_SEEN):
            found[screen.key] = Finding(State.NEVER_SEEN, "", now)
        elif not absence.grace:
            due[screen.store].append(screen)
            newest[screen.store] = max(newest.get(screen.store, absence.since), absence.since)
    for store, away in due.items():
        begun_together = [each for each in away if absences[each.key].since >= newest[store] - LINE_WINDOW]
        is_line_down = store not in with_connection and len(begun_together) > 1
        for screen in away:
            is_with_store = is_line_down and screen in begun_together
            found[screen.key] = state_of_absent(absences[screen.key], is_with_store=is_with_store)
    return found


def state_of(statuses: Sequence[ScreenStatus], now: datetime, version: str) -> Finding | None:
    """Return the state of a connected screen; None if it has just connected. version: as in `judge`.

    If the screen has several connections, the best state counts.
    """
    states = [state_of_connection(each, now, version) for each in statuses if each.link != Link.CLOSED]
    return min((each for each in states if each), key=lambda each: ORDER.index(each.state), default=None)


def state_of_connection(status: ScreenStatus, now: datetime, version: str) -> Finding | None:
    if status.page:
        return Finding(*state_of_page(status.page, version), now, status.page)
    without_page = {
        Link.SILENT: Finding(State.NOT_PAINTING, Cause.SILENT, now),
        Link.UNABLE: Finding(State.UNKNOWN, "", now),
    }
    return without_page.get(status.link)


def state_of_page(page: PageState, version: str) -> tuple[State, Cause | str]:
    if not page.is_visible:
        return State.HIDDEN, Cause.HIDDEN
    if not page.is_painting:
        return State.NOT_PAINTING, Cause.NOT_PAINTING
    if page.sound == Sound.BLOCKED:
        return State.MUTED, ""
    return State.SHOWING if page.version == version else State.OLD_VERSION, ""


def state_of_absent(absence: Absence, *, is_with_store: bool) -> Finding:
    """Return the state of a screen that is offline. is_with_store: whether its whole store is offline."""
    if is_with_store:
        return Finding(State.LINE_DOWN, Cause.LINE, absence.since)
    if absence.close_code == FROZEN_CODE:
        # The page connects again only after its browser has painted.
        return Finding(State.NOT_PAINTING, Cause.NOT_PAINTING, absence.since)
    cause = Cause.PAGE_LEFT if absence.close_code in PAGE_LEFT_CODES else Cause.UNKNOWN
    return Finding(State.OFFLINE, cause, absence.since)
