"""Opens and closes stores by their opening hours."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from cashier_web.infra.batches import batches
from cashier_web.models import Store
from cashier_web.screens.announce import announce

HOURS_FIELDS = ("opening_hours", "special_days", "time_zone", "follows_hours")
"""The fields of a store on which its schedule depends."""
COMPUTED_FIELDS = ("changes_at", "asleep_until")
"""The fields of a store that are computed from its schedule."""
CHANGED_AT_ONCE = 50
"""The number of stores that are changed in one transaction. A transaction locks the rows of its stores."""


def follow_hours(now: datetime | None = None) -> int:
    """Change the stores whose opening hours have begun or ended. Returns the number of these stores.

    A store that follows its hours is opened or closed. Raises RedisError or a database error. The stores that were not
    changed yet are changed at the next call.
    """
    now = now or timezone.now()
    due = list(Store.objects.filter(changes_at__lte=now).order_by("slug").values_list("pk", flat=True))
    for keys in batches(due, CHANGED_AT_ONCE):
        with transaction.atomic():
            # Another request may have changed the hours since the query above.
            rows = Store.objects.select_for_update(no_key=True).filter(pk__in=keys, changes_at__lte=now)
            stores = list(rows.order_by("slug"))
            for store in stores:
                store.save(update_fields=[*COMPUTED_FIELDS, *compute(store, now, is_due=True)])
            announce(stores)
    return len(due)


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
        store.asleep_until = store.changes_at
    elif was_asleep:
        store.asleep_until = now
    if not store.follows_hours or not (is_due or is_within == was_asleep):
        return []
    store.is_open = is_within
    return ["is_open"]
