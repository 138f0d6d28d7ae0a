"""Raises and ends alarms. The service tasks does this every few seconds; only one process at a time does it."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from cashier_web.alarms.misses import Misses, read_misses
from cashier_web.alarms.troubles import (
    PastOutage,
    Subject,
    Trouble,
    WatchedScreen,
    WatchedStore,
    end_of_screen_alarm,
    end_of_store_alarm,
    trouble_of_misses,
    trouble_of_outages,
    wanted_alarms,
)
from cashier_web.history.proof_summary import screen_key, summary_of
from cashier_web.models import (
    Alarm,
    AlarmContact,
    AlarmKind,
    AlarmMessage,
    AlarmMute,
    EndReason,
    Outage,
    PastCall,
    Screen,
    ScreenState,
    Severity,
    State,
    Store,
)
from cashier_web.screens.watched import is_stale

LOOKBACK = timedelta(hours=4)
"""Outages that ended earlier are not added to an outage that lasts."""
PROVEN_CALLS = 20
"""The number of calls in which the end of an alarm about missed calls is searched."""
WELL = [state for state in State if state.severity in {Severity.GOOD, Severity.WARNING}]


@dataclass(frozen=True)
class Situation:
    """What is known now.

    stores: the stores that raise alarms now, by primary key. asleep: the stores that raise alarms at other times.
    screens: the screens of all stores in which something is wrong, by primary key. troubles: the trouble of each screen
    that has one. removed: the subjects of alarms whose screens were revoked or moved to another store.
    """

    now: datetime
    stores: Mapping[int, WatchedStore]
    asleep: Set[int]
    screens: Mapping[int, WatchedScreen]
    troubles: Mapping[int, Trouble]
    removed: Set[Subject]


def watch_alarms() -> None:
    """Raise and end the alarms that the present states of the screens require.

    Raises RedisError or a database error. If nobody watches the screens, nothing is known, so nothing is changed.
    """
    if is_stale():
        return
    now = timezone.now()
    update_alarms(now, read_misses(now))


def update_alarms(now: datetime, misses: Mapping[int, Misses]) -> None:
    """Raise and end alarms. misses: the calls that screens have missed, by the primary keys of the screens."""
    stores = awake_stores(now)
    open_alarms = {Subject(each.store_id, each.screen_id): each for each in Alarm.objects.filter(ends_at=None)}
    outages = outages_of(stores, now)
    affected = affected_stores(stores, outages, open_alarms, misses)
    screens = {each.key: each for each in screens_of(affected)}
    troubles = troubles_of(screens, stores, outages, misses, now)
    asleep = set(
        Store.objects.filter(asleep_until__gt=now, alarm_minutes__gt=0).order_by().values_list("pk", flat=True)
    )
    situation = Situation(now, stores, asleep, screens, troubles, removed_subjects(open_alarms))
    wanted = wanted_alarms(affected, screens.values(), troubles)
    with transaction.atomic():
        for subject, alarm in open_alarms.items():
            if end := end_of(alarm, subject, situation):
                end_alarm(alarm, *end, now)
        muted = {Subject(*each) for each in AlarmMute.objects.filter(until__gt=now).values_list("store", "screen")}
        for subject, trouble in wanted.items():
            is_covered = trouble.kind == AlarmKind.OFFLINE and Subject(subject.store) in open_alarms
            is_muted = subject in muted or Subject(subject.store) in muted
            if subject not in open_alarms and not is_covered and not is_muted:
                raise_alarm(subject, trouble, now)


def awake_stores(now: datetime) -> dict[int, WatchedStore]:
    """Return the stores that raise alarms now, by primary key."""
    awake = Store.objects.filter(Q(asleep_until=None) | Q(asleep_until__lte=now), alarm_minutes__gt=0).order_by()
    return {
        key: WatchedStore(open_since, timedelta(minutes=minutes))
        for key, open_since, minutes in awake.values_list("pk", "asleep_until", "alarm_minutes")
    }


def outages_of(stores: Mapping[int, WatchedStore], now: datetime) -> dict[int, list[PastOutage]]:
    """Return the outages of each screen that has one now, the newest first, by the primary key of the screen."""
    lasting = Outage.objects.filter(ends_at=None, screen__revoked_at=None).order_by()
    found = {
        screen: [PastOutage(begins_at, None, cause)]
        for screen, store, begins_at, cause in lasting.values_list("screen", "screen__store", "begins_at", "cause")
        if store in stores
    }
    earlier = Outage.objects.filter(screen__outages__ends_at=None, ends_at__gt=now - LOOKBACK).order_by("-begins_at")
    for screen, begins_at, ends_at, cause in earlier.values_list("screen", "begins_at", "ends_at", "cause"):
        if screen in found:
            found[screen].append(PastOutage(begins_at, ends_at, cause))
    return found


def affected_stores(
    stores: Mapping[int, WatchedStore],
    outages: Mapping[int, object],
    open_alarms: Iterable[Subject],
    misses: Mapping[int, object],
) -> set[int]:
    """Return the primary keys of the stores with an outage, a missed call or an alarm."""
    screens = Screen.objects.filter(pk__in=[*outages, *misses]).order_by()
    found = {*screens.values_list("store", flat=True), *(each.store for each in open_alarms)}
    return {each for each in found if each is not None and each in stores}


def screens_of(stores: Iterable[int]) -> list[WatchedScreen]:
    """Return all screens of these stores."""
    screens = Screen.objects.filter(store__in=list(stores), revoked_at=None).order_by()
    return [
        WatchedScreen(key, store, State(state) if state else None, since)
        for key, store, state, since in screens.values_list("pk", "store", "now__state", "now__since")
    ]


def troubles_of(
    screens: Mapping[int, WatchedScreen],
    stores: Mapping[int, WatchedStore],
    outages: Mapping[int, list[PastOutage]],
    misses: Mapping[int, Misses],
    now: datetime,
) -> dict[int, Trouble]:
    """Return the trouble of each screen that has one, by the primary key of the screen."""
    found = {}
    for key, screen in screens.items():
        store = stores[screen.store]
        if key in outages:
            found[key] = trouble_of_outages(outages[key], store, now)
        elif key in misses and (trouble := trouble_of_misses(misses[key], store, now)):
            found[key] = trouble
    return found


def removed_subjects(subjects: Iterable[Subject]) -> set[Subject]:
    """Return the subjects whose screens were revoked or moved to another store."""
    of_screens = {each for each in subjects if each.screen}
    screens = Screen.objects.filter(pk__in=[each.screen for each in of_screens], revoked_at=None).order_by()
    return of_screens - {Subject(store, key) for key, store in screens.values_list("pk", "store")}


def end_of(alarm: Alarm, subject: Subject, situation: Situation) -> tuple[datetime, EndReason] | None:
    """Return when and why an alarm has ended; None if it lasts.

    Outside of the opening hours, an alarm ends only if the screen was revoked or moved to another store.
    """
    now = situation.now
    if subject in situation.removed:
        return now, EndReason.REMOVED
    store = situation.stores.get(subject.store or 0)
    if subject.store and store is None:
        return None if subject.store in situation.asleep else (now, EndReason.SWITCHED_OFF)
    of_store = [each for each in situation.screens.values() if each.store == subject.store and each.is_known]
    if subject.store and not of_store:
        return now, EndReason.REMOVED
    ends_at = end_by_recovery(alarm, subject, store, of_store, situation)
    return (ends_at, EndReason.WELL) if ends_at else None


def end_by_recovery(
    alarm: Alarm,
    subject: Subject,
    store: WatchedStore | None,
    of_store: list[WatchedScreen],
    situation: Situation,
) -> datetime | None:
    """Return when an alarm has ended because everything works again; None if it lasts.

    store: the store of the alarm; None for the alarm of all stores. of_store: the screens of the store.
    """
    if store is None or subject.store is None:
        return situation.now if server_is_back(situation) else None
    if subject.screen is None:
        return end_of_store_alarm(of_store, store, situation.troubles, situation.now)
    if alarm.kind == AlarmKind.MISSING_CALLS:
        return last_painted(subject.screen, subject.store, alarm.raised_at)
    screen, trouble = situation.screens[subject.screen], situation.troubles.get(subject.screen)
    return end_of_screen_alarm(screen, store, trouble, situation.now)


def server_is_back(situation: Situation) -> bool:
    """Return whether no screen misses the server any more, and a screen of a store that is open is well."""
    if any(each.kind == AlarmKind.SERVER for each in situation.troubles.values()):
        return False
    return ScreenState.objects.filter(
        screen__store__in=list(situation.stores), screen__revoked_at=None, state__in=WELL
    ).exists()


def last_painted(screen: int, store: int, since: datetime) -> datetime | None:
    """Return when the screen has painted its last call; None if it has painted none since this time.

    The number of missed calls in Redis does not say this: Redis can lose it.
    """
    calls = PastCall.objects.filter(store=store, ends_at__gt=since, proof__isnull=False)[:PROVEN_CALLS]
    for call in calls:
        summary = summary_of(call)
        reports = summary.reports if summary else []
        if any(screen_key(each.credential_id or "0") == screen and each.paint_ms is not None for each in reports):
            return call.ends_at
    return None


def raise_alarm(subject: Subject, trouble: Trouble, now: datetime) -> None:
    """Save a new alarm, and a message to each contact of its store and of all stores."""
    screen = Screen.objects.filter(pk=subject.screen).values_list("name", flat=True).first() if subject.screen else ""
    alarm = Alarm.objects.create(
        store_id=subject.store,
        screen_id=subject.screen,
        screen_name=screen or "",
        kind=trouble.kind,
        begins_at=trouble.since,
        raised_at=now,
    )
    contacts = AlarmContact.objects.filter(Q(store=None) | Q(store=subject.store))
    add_messages(alarm, AlarmMessage.Event.BEGAN, contacts, now)


def end_alarm(alarm: Alarm, ends_at: datetime, reason: EndReason, now: datetime) -> None:
    """End an alarm, and add a message to each contact that was told when it began."""
    alarm.ends_at, alarm.end_reason = max(min(ends_at, now), alarm.begins_at), reason
    alarm.save(update_fields=["ends_at", "end_reason"])
    contacts = AlarmContact.objects.filter(messages__alarm=alarm, messages__event=AlarmMessage.Event.BEGAN)
    add_messages(alarm, AlarmMessage.Event.ENDED, contacts, now)


def add_messages(alarm: Alarm, event: AlarmMessage.Event, contacts: Iterable[AlarmContact], now: datetime) -> None:
    """Add a message to each contact. A mail address that is a contact twice gets one message.

    Webhooks with the same address get a message each, because each has a secret of its own.
    """
    chosen = {each.address if each.kind == AlarmContact.Kind.MAIL else each.pk: each for each in contacts}
    AlarmMessage.objects.bulk_create(
        AlarmMessage(alarm=alarm, contact=each, address=each.address, event=event, made_at=now, due_at=now)
        for each in chosen.values()
    )
