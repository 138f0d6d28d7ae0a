"""Computes for each store and day what the screens have proven. The service tasks does this after each day."""

import time as clock
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max, QuerySet
from django.utils import timezone

from cashier_web.fleet.latencies import bucket_of
from cashier_web.history.proof_summary import SHORT_MS, ProofSummary, screen_key, summary_of
from cashier_web.infra.redis_clients import the_history
from cashier_web.models import PastCall, ProofDay, Store

DAY = timedelta(days=1)
AFTER_MIDNIGHT = timedelta(hours=1)
"""The time from the end of a day until its proof is computed. The last proofs come two minutes after the end of the
day, and later if the database was away."""
LATE_MS = 500
"""A number that was removed more than this many milliseconds too late was removed late. After this time, the page
removes a number that the server has not removed."""
MOST_SECONDS = 3.0
"""One run takes about this time. The next run does the rest."""
READ_AT_ONCE = 1000


def compute_proof_days() -> int:
    """Compute the proofs of past days that are missing. Returns the number of computed days.

    A day on which a store has shown no call has no proof. Raises RedisError if Redis does not answer.
    """
    newest = PastCall.objects.order_by().aggregate(newest=Max("pressed_at"))["newest"]
    if newest is None or the_history().length():
        return 0  # Calls of a past day may not be in the database yet.
    # If the date of the host is wrong, the current day may seem to be over. It is over when a later call was made.
    now = min(timezone.now(), newest)
    begun, total = clock.monotonic(), 0
    last_days = dict(ProofDay.objects.order_by().values_list("store").annotate(Max("day")))
    for store in Store.objects.order_by("pk"):
        for day in missing_days(store, last_days.get(store.pk), now):
            # If two processes compute the same day during an update, they find the same.
            ProofDay.objects.bulk_create([proof_of(store, day)], ignore_conflicts=True)
            total += 1
            if clock.monotonic() - begun > MOST_SECONDS:
                return total
    ProofDay.objects.exclude(store__in=Store.objects.all()).delete()  # An earlier version has deleted their stores.
    return total


def missing_days(store: Store, last_day: date | None, now: datetime) -> Iterator[date]:
    """Yield the days with calls after the last day that was computed, up to yesterday."""
    zone = ZoneInfo(store.time_zone)
    yesterday = (now - AFTER_MIDNIGHT).astimezone(zone).date() - DAY
    oldest = (now - settings.ENVIRONMENT.cashier_history_days * DAY).astimezone(zone).date()
    day = last_day + DAY if last_day else oldest
    while day <= yesterday:
        begin, _end = limits(day, zone)
        # Days without calls are skipped.
        pressed_at = shown_calls(store).filter(pressed_at__gte=begin).order_by("pressed_at").values_list("pressed_at")
        first = pressed_at.first()
        day = max(day, first[0].astimezone(zone).date()) if first else yesterday + DAY
        if day <= yesterday:
            yield day
        day += DAY


def limits(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the begin and the end of a day in a time zone."""
    return datetime.combine(day, time(), zone), datetime.combine(day + DAY, time(), zone)


def shown_calls(store: Store) -> QuerySet[PastCall]:
    """Return the calls that were on the screens."""
    calls: QuerySet[PastCall] = store.calls.filter(outcome__in=[PastCall.Outcome.SHOWN, PastCall.Outcome.REPLACED])
    return calls


def proof_of(store: Store, day: date) -> ProofDay:
    """Return what the screens of a store have proven on a day. The result is not saved."""
    begin, end = limits(day, ZoneInfo(store.time_zone))
    calls = shown_calls(store).filter(pressed_at__gte=begin, pressed_at__lt=end).only("mark", "proof").order_by()
    return summarize_day(store, day, (summary_of(call) for call in calls.iterator(READ_AT_ONCE)))


def summarize_day(store: Store, day: date, summaries: Iterable[ProofSummary | None]) -> ProofDay:
    """Add up the proofs of the calls of a day; None stands for a call without proof."""
    numbers = dict.fromkeys(("calls", "unproven", "painted", "missing", "unknown", "unpaired", "late", "early"), 0)
    found = ProofDay(store=store, day=day, **numbers)
    buckets: Counter[int] = Counter()
    missing_on: Counter[str] = Counter()
    worst_paint, worst_removal = -1, -1
    for summary in summaries:
        found.calls += 1
        if summary is None:
            found.unproven += 1
            continue
        paired = summary.paired
        found.unpaired += summary.owed - paired.owed
        found.painted += paired.painted
        found.missing += len(paired.missing_ids)
        found.unknown += len(paired.unknown)
        found.late += sum(each > LATE_MS for each in paired.removals)
        found.early += sum(each < -SHORT_MS for each in paired.removals)
        buckets.update(bucket_of(each) for each in paired.paints)
        missing_on.update(str(screen_key(each)) for each in paired.missing_ids)
        worst_paint = max([worst_paint, *paired.paints])
        worst_removal = max([worst_removal, *paired.removals])
    found.paint_buckets = {str(bucket): number for bucket, number in sorted(buckets.items())}
    found.missing_on = dict(missing_on)
    found.worst_paint_ms = worst_paint if worst_paint >= 0 else None
    found.worst_removal_ms = worst_removal if worst_removal >= 0 else None
    return found
