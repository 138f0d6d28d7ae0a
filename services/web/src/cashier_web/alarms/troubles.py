"""Decides which alarms there must be.

The functions of this module need neither the database nor Redis. alarms/watch.py calls them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cashier_web.alarms.misses import Misses
from cashier_web.models import AlarmKind, Cause, Severity, State

NO_TIME = timedelta()
MANY_MISSES = 3
"""A screen that has missed fewer calls in a row raises no alarm."""
SERVER_PATIENCE = timedelta(minutes=5)
"""If the screens of all stores have lost the server for this time, there is an alarm."""
KIND_OF_CAUSE = {
    Cause.HIDDEN: AlarmKind.NOT_SHOWING,
    Cause.NOT_PAINTING: AlarmKind.NOT_SHOWING,
    Cause.SILENT: AlarmKind.NOT_SHOWING,
    Cause.SERVER: AlarmKind.SERVER,
}
"""The kind of an alarm, by the cause of the outage. All other causes mean that the screen is offline."""


class Subject(NamedTuple):
    """What an alarm is about: a screen, a whole store (screen is None), or all stores (both are None)."""

    store: int | None
    screen: int | None = None


EVERYTHING = Subject(None)


class WatchedStore(NamedTuple):
    """A store that is within its opening hours.

    open_since: when these began; None if the store has no hours. patience: how long a trouble may last without an
    alarm.
    """

    open_since: datetime | None
    patience: timedelta


class WatchedScreen(NamedTuple):
    """A paired screen. state: its state; None if it is not known. since: since when it has this state."""

    key: int
    store: int
    state: State | None
    since: datetime | None

    @property
    def is_known(self) -> bool:
        """Whether the screen was ever connected."""
        return self.state not in {None, State.NEVER_SEEN}

    @property
    def is_well(self) -> bool:
        return self.state is not None and self.state.severity in {Severity.GOOD, Severity.WARNING}


class PastOutage(NamedTuple):
    """An outage of a screen. ends_at is None if it lasts."""

    begins_at: datetime
    ends_at: datetime | None
    cause: str


class Trouble(NamedTuple):
    """Something that is wrong. is_due: whether it has lasted so long that there must be an alarm."""

    kind: AlarmKind
    since: datetime
    is_due: bool


def trouble_of_outages(outages: Sequence[PastOutage], store: WatchedStore, now: datetime) -> Trouble:
    """Return the trouble of a screen. outages: its outages, the newest first. The first one lasts.

    A screen that comes back again and again for a short time raises one alarm. Its outages count together, if it was
    never well between them for the patience of its store. Only the opening hours count.
    """
    since, total, follower = now, NO_TIME, now
    for outage in outages:
        ends_at = outage.ends_at or now
        if follower - ends_at >= store.patience:
            break
        begins_at = max(outage.begins_at, store.open_since) if store.open_since else outage.begins_at
        if begins_at > ends_at:
            break
        total += ends_at - begins_at
        since = follower = begins_at
    kind = KIND_OF_CAUSE.get(Cause(outages[0].cause), AlarmKind.OFFLINE)
    return Trouble(kind, since, total >= (SERVER_PATIENCE if kind == AlarmKind.SERVER else store.patience))


def trouble_of_misses(misses: Misses, store: WatchedStore, now: datetime) -> Trouble | None:
    """Return the trouble of a screen that has missed calls, or None if it has missed only a few."""
    if misses.calls < MANY_MISSES:
        return None
    since = max(misses.first, store.open_since) if store.open_since else misses.first
    return Trouble(AlarmKind.MISSING_CALLS, since, now - since >= store.patience)


def wanted_alarms(
    stores: Iterable[int], screens: Iterable[WatchedScreen], troubles: Mapping[int, Trouble]
) -> dict[Subject, Trouble]:
    """Return the troubles that are due, and what each is about.

    stores: the primary keys of the stores with a trouble. screens: all screens of these stores. troubles: the troubles
    by the primary keys of the screens. If all screens of a store are offline, there is one alarm for the store.
    """
    found = {}
    of_stores: defaultdict[int, list[WatchedScreen]] = defaultdict(list)
    for screen in screens:
        of_stores[screen.store].append(screen)
    for store in stores:
        of_store = {each.key: troubles[each.key] for each in of_stores[store] if each.key in troubles}
        offline = {key: each for key, each in of_store.items() if each.kind == AlarmKind.OFFLINE}
        known = [each.key for each in of_stores[store] if each.is_known]
        is_everything_offline = len(known) > 1 and all(key in offline for key in known)
        if is_everything_offline and any(each.is_due for each in offline.values()):
            since = max(each.since for each in offline.values())
            found[Subject(store)] = Trouble(AlarmKind.STORE_OFFLINE, since, is_due=True)
        for key, trouble in of_store.items():
            if not trouble.is_due:
                continue
            if trouble.kind == AlarmKind.SERVER:
                since = min(trouble.since, found[EVERYTHING].since) if EVERYTHING in found else trouble.since
                found[EVERYTHING] = trouble._replace(since=since)
            elif not (is_everything_offline and key in offline):
                found[Subject(store, key)] = trouble
    return found


def end_of_screen_alarm(
    kind: str, screen: WatchedScreen, store: WatchedStore, trouble: Trouble | None, now: datetime
) -> datetime | None:
    """Return when the alarm of a screen has ended; None if it lasts.

    It lasts until the screen was well for the patience of its store. So a screen that comes back again and again for a
    short time has one alarm.
    """
    if trouble or not screen.is_well or screen.since is None:
        return None
    if kind == AlarmKind.MISSING_CALLS:
        return now
    return screen.since if now - screen.since >= store.patience else None


def end_of_store_alarm(
    screens: Sequence[WatchedScreen], store: WatchedStore, troubles: Mapping[int, Trouble], now: datetime
) -> datetime | None:
    """Return when the alarm of a whole store has ended: when one of its screens came back. None if the alarm lasts."""
    ends = [
        end
        for each in screens
        if (end := end_of_screen_alarm(AlarmKind.STORE_OFFLINE, each, store, troubles.get(each.key), now))
    ]
    return min(ends, default=None)
