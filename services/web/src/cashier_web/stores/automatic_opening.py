"""Opens and closes stores by their opening hours."""

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfoNotFoundError

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from cashier_web.infra.batches import batches
from cashier_web.models import Store
from cashier_web.screens.announce import announce

HOURS_FIELDS = ("opening_hours", "special_days", "time_zone", "follows_hours")
"""The fields of a store on which its schedule depends."""
COMPUTED_FIELDS = ("changes_at", "asleep_until")
"""The fields of a store that are computed from its schedule."""
FOREVER = datetime(2100, 1, 1, tzinfo=UTC)
"""A store whose hours contain no time any more is asleep until then."""
STORES_PER_TRANSACTION = 50
"""A transaction locks the rows of its stores."""

log = logging.getLogger(__name__)


def follow_hours(now: datetime | None = None) -> int:
    """Change the stores whose opening hours have begun or ended. Returns the number of these stores.

    A store that follows its hours is opened or closed. Raises RedisError or a database error. The stores that were not
    changed yet are changed at the next call.
    """
    now = now or timezone.now()
    due = list(Store.objects.filter(changes_at__lte=now).order_by("slug").values_list("pk", flat=True))
    for keys in batches(due, STORES_PER_TRANSACTION):
        with transaction.atomic():
            # Another request may have changed the hours since the query above.
            rows = Store.objects.select_for_update(no_key=True).filter(pk__in=keys, changes_at__lte=now)
            change(list(rows.order_by("slug")), now, is_due=True)
    return len(due)


def correct_hours(now: datetime | None = None) -> int:
    """Compute the schedules of all stores again, and correct those that differ. Returns their number.

    They differ if the clock of the host was wrong for a while, or if the rules of a time zone have changed.
    """
    now = now or timezone.now()
    stores = Store.objects.exclude(opening_hours="")
    differing = [store.pk for store in stores if is_wrong(store, now)]
    for keys in batches(differing, STORES_PER_TRANSACTION):
        with transaction.atomic():
            rows = Store.objects.select_for_update(no_key=True).filter(pk__in=keys)
            change([store for store in rows.order_by("slug") if is_wrong(store, now)], now, is_due=False)
    return len(differing)


def is_wrong(store: Store, now: datetime) -> bool:
    """Return whether the computed fields of a store do not fit its schedule. What is due is not wrong."""
    if store.changes_at and store.changes_at <= now:
        return False
    try:
        schedule = store.schedule
    except (ValidationError, ZoneInfoNotFoundError):
        # Another version has saved the hours, or an update of the operating system has removed the time zone.
        log.exception("the opening hours of the store %s cannot be read", store.slug)
        return False
    return schedule is not None and store.changes_at != schedule.next_change(now)


def change(stores: Sequence[Store], now: datetime, *, is_due: bool) -> None:
    """Compute the schedules of these stores, save them, and tell the screens. Must be called within a transaction."""
    changed = []
    for store in stores:
        try:
            fields = compute(store, now, is_due=is_due)
        except (ValidationError, ZoneInfoNotFoundError):
            log.exception("the opening hours of the store %s cannot be read", store.slug)
            continue
        store.save(update_fields=[*COMPUTED_FIELDS, *fields])
        changed.append(store)
    announce(changed)


def reschedule(store: Store, changed: Collection[str], now: datetime | None = None) -> list[str]:
    """Compute the schedule of a store again after its form has changed it. The caller saves the store.

    If the store follows its hours only from now on, or the hours are new, the store is opened or closed at once. A
    change of a day in the future neither opens nor closes the store.

    changed: the names of the changed fields. Returns the names of the fields that this function may have changed.
    """
    if not set(changed) & set(HOURS_FIELDS):
        return []
    is_due = not {"opening_hours", "follows_hours"}.isdisjoint(changed)
    return [*COMPUTED_FIELDS, *compute(store, now or timezone.now(), is_due=is_due)]


def compute(store: Store, now: datetime, *, is_due: bool) -> list[str]:
    """Set the computed fields of a store. Returns ["is_open"] if the schedule has opened or closed the store, or [].

    is_due: whether a store that follows its hours is opened or closed even if it was within its hours before, too. A
    person may have closed the store by hand. This holds until the next hours begin.
    """
    schedule, was_asleep = store.schedule, store.is_asleep(now)
    if schedule is None:
        store.changes_at = store.asleep_until = None
        return []
    is_within = schedule.is_open(now)
    store.changes_at = schedule.next_change(now)
    if not is_within:
        store.asleep_until = store.changes_at or FOREVER
    elif store.changes_at is None:
        store.asleep_until = None  # The store is always within its hours.
    elif was_asleep:
        store.asleep_until = now
    if not store.follows_hours or not (is_due or is_within == was_asleep):
        return []
    store.is_open = is_within
    return ["is_open"]
