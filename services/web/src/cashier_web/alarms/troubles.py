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
TOGETHER = timedelta(minutes=3)
"""Screens whose troubles began within this time have one cause, such as the line of their store. A screen that was cut
off is noticed up to 75 s later."""
SERVER_ALARM_AFTER = timedelta(minutes=5)
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

    open_since: when these began; None if the store has no hours. alarm_after: the time after which a trouble raises an
    alarm.
    """

    open_since: datetime | None
    alarm_after: timedelta


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
    never well for `alarm_after` between them. Only the opening hours count.
    """
    kind = KIND_OF_CAUSE.get(Cause(outages[0].cause), AlarmKind.OFFLINE)
    if kind == AlarmKind.SERVER:
        since = since_opening(outages[0], store)
        return Trouble(kind, since, now - since >= SERVER_ALARM_AFTER)
    since, total, follower = now, NO_TIME, now
    for outage in outages:
        ends_at = outage.ends_at or now
        begins_at = since_opening(outage, store)
        if follower - ends_at >= store.alarm_after or begins_at > ends_at:
            break
        total += ends_at - begins_at
        since = follower = begins_at
    return Trouble(kind, since, total >= store.alarm_after)


def since_opening(outage: PastOutage, store: WatchedStore) -> datetime:
    """Return when the outage began, or when the present opening hours began, if that was later."""
    return max(outage.begins_at, store.open_since) if store.open_since else outage.begins_at


def trouble_of_misses(misses: Misses, store: WatchedStore, now: datetime) -> Trouble | None:
    """Return the trouble of a screen that has missed calls, or None if it has missed only a few."""
    if misses.calls < MANY_MISSES:
        return None
    since = max(misses.first, store.open_since) if store.open_since else misses.first
    return Trouble(AlarmKind.MISSING_CALLS, since, now - since >= store.alarm_after)


def wanted_alarms(
    stores: Iterable[int], screens: Iterable[WatchedScreen], troubles: Mapping[int, Trouble]
) -> dict[Subject, Trouble]:
    """Return the troubles that are due, and what each is about.

    stores: the primary keys of the stores with a trouble. screens: all screens of these stores. troubles: the troubles
    by the primary keys of the screens. If all screens of a store have gone offline together, there is one alarm for the
    store.
    """
    found: dict[Subject, Trouble] = {}
    of_stores: defaultdict[int, list[WatchedScreen]] = defaultdict(list)
    for screen in screens:
        of_stores[screen.store].append(screen)
    for store in stores:
        of_store = {each.key: troubles[each.key] for each in of_stores[store] if each.key in troubles}
        together = offline_together(of_stores[store], of_store)
        if together and all(of_store[key].is_due for key in together):
            since = max(of_store[key].since for key in together)
            found[Subject(store)] = Trouble(AlarmKind.STORE_OFFLINE, since, is_due=True)
        for key, trouble in of_store.items():
            if not trouble.is_due or key in together:
                continue
            if trouble.kind == AlarmKind.SERVER:
                since = min(trouble.since, found[EVERYTHING].since) if EVERYTHING in found else trouble.since
                found[EVERYTHING] = trouble._replace(since=since)
            else:
                found[Subject(store, key)] = trouble
    return found


def offline_together(screens: Iterable[WatchedScreen], troubles: Mapping[int, Trouble]) -> set[int]:
    """Return the screens of a store that have gone offline together, by primary key, if no other screen is connected.

    A screen that was broken before does not belong to them. It has an alarm of its own.
    """
    known = [each.key for each in screens if each.is_known]
    offline = {key: each.since for key, each in troubles.items() if each.kind == AlarmKind.OFFLINE}
    if len(known) < 2 or not all(key in offline for key in known):
        return set()
    newest = max(offline[key] for key in known)
    together = {key for key in known if newest - offline[key] <= TOGETHER}
    return together if len(together) > 1 else set()


def end_of_screen_alarm(
    screen: WatchedScreen, store: WatchedStore, trouble: Trouble | None, now: datetime
) -> datetime | None:
    """Return when the alarm of a screen has ended; None if it lasts.

    It lasts until the screen was well for `alarm_after`. So a screen that comes back again and again for a short time
    has one alarm.
    """
    if trouble or not screen.is_well or screen.since is None:
        return None
    return screen.since if now - screen.since >= store.alarm_after else None


def end_of_store_alarm(
    screens: Sequence[WatchedScreen], store: WatchedStore, troubles: Mapping[int, Trouble], now: datetime
) -> datetime | None:
    """Return when the alarm of a whole store has ended: when one of its screens came back. None if the alarm lasts."""
    ends = [end for each in screens if (end := end_of_screen_alarm(each, store, troubles.get(each.key), now))]
    return min(ends, default=None)
