"""Keeps the states and the outages of the paired screens in the database equal to what the replicas know.

The service tasks does this every few seconds. Only one process at a time does it.
"""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from cashier_core.screen_status import forget_replicas, read_statuses
from cashier_web.fleet.states import (
    Absence,
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
from cashier_web.infra.batches import batches
from cashier_web.infra.redis_clients import the_redis
from cashier_web.models import Cause, Outage, Screen, ScreenState
from cashier_web.screens.appearance import page_version
from cashier_web.screens.watched import note_watched, watched_at

MEMORY_KEY = "cashier:fleet:memory"
"""The key of the memory in Redis. A process that is started anew must know it."""
LONGEST_STEP = timedelta(seconds=10)
"""If more time has passed since the last run, for example because Redis was away, only this time counts."""
GAP = timedelta(minutes=10)
"""If the screens were not watched for this time, nothing is known about them any more."""
MERGED = timedelta(seconds=60)
"""If a screen was well for less than this time, its outage goes on. Otherwise a page that is hidden again and again
would fill the table of outages."""
WRITTEN_AT_ONCE = 500
LATER_CAUSES = {(Cause.UNKNOWN, Cause.LINE), (Cause.UNKNOWN, Cause.SERVER), (Cause.LINE, Cause.SERVER)}
"""The first cause of an outage, and the cause that becomes known when further screens have disappeared."""

log = logging.getLogger(__name__)


class ScreenWatch:
    """Watches the screens. In one process, a clock that is set changes nothing."""

    def __init__(self) -> None:
        self._ran_at = 0.0
        """The time on the monotonic clock at which this process has watched the screens last."""
        self._noted: datetime | None = None
        """The time that this process has noted then."""

    def run(self) -> None:
        """Find the states of all paired screens, and save what has changed.

        Raises RedisError or a database error if Redis or the database does not work. The next run then does the work.
        """
        statuses, now, ran_at = read_statuses(the_redis()), timezone.now(), time.monotonic()
        if statuses.invalid:
            log.error("the statuses of screens are invalid: %d", statuses.invalid)
        last_watched = watched_at()
        passed = self._time_since(last_watched, now)
        memory = read_memory() if passed < GAP else Memory()
        if passed >= GAP:
            start_anew(last_watched)
        screens, passed = known_screens(), min(passed, LONGEST_STEP)
        if statuses.replicas:
            is_replica_lost = bool(statuses.lost)
            found = remember(memory, screens, statuses.of_screens, now, passed, is_replica_lost=is_replica_lost)
            findings = judge(screens, statuses.of_screens, found, now, page_version())
        else:
            found = remember_without_replicas(memory, passed)
            findings = judge_without_replicas(screens, found, now)
        findings = within_hours(findings, screens, now)
        save(findings, {each.key: each.saved for each in screens}, now)
        forget_revoked(now)
        if found != memory:
            write_memory(found)
        self._noted = note_watched(now)
        forget_replicas(the_redis(), statuses.lost)
        self._ran_at = ran_at

    def _time_since(self, last_watched: datetime | None, now: datetime) -> timedelta:
        """Return the time since the screens were watched last, by this process or by another one."""
        if self._noted and last_watched in {self._noted, None}:
            return timedelta(seconds=time.monotonic() - self._ran_at)
        return max(now - last_watched, timedelta()) if last_watched else GAP


def start_anew(last_watched: datetime | None) -> None:
    """Forget all states. The outages end when the screens were watched last, because nobody knows what was later."""
    with transaction.atomic():
        ScreenState.objects.all().delete()
        open_outages = Outage.objects.filter(ends_at=None)
        if last_watched:
            open_outages.filter(begins_at__lt=last_watched).update(ends_at=last_watched)
        open_outages.update(ends_at=F("begins_at"))


def known_screens() -> list[KnownScreen]:
    """Return the screens that belong to a store and are not revoked, with their last states."""
    screens = Screen.objects.filter(revoked_at=None).exclude(store=None).order_by()
    of_state = [f"now__{name}" for name in SavedState._fields]
    return [
        KnownScreen(key, store, seen_at is not None, SavedState(*saved) if saved[0] else None, asleep_until)
        for key, store, seen_at, asleep_until, *saved in screens.values_list(
            "pk", "store_id", "seen_at", "store__asleep_until", *of_state
        )
    ]


def save(findings: Mapping[int, Finding], saved: Mapping[int, SavedState | None], now: datetime) -> None:
    """Save the states that have changed, and begin or end their outages. saved: the last states."""
    changed, begun = [], []
    better_cause: defaultdict[str, list[int]] = defaultdict(list)
    ended: defaultdict[datetime, list[int]] = defaultdict(list)
    for key, finding in findings.items():
        before, new = saved[key], to_save(finding, saved[key])
        if new == before:
            continue
        changed.append(ScreenState(screen_id=key, **new._asdict()))
        if new.cause == (before.cause if before else ""):
            continue
        if before and before.since == new.since and (before.cause, new.cause) in LATER_CAUSES:
            better_cause[new.cause].append(key)
            continue
        # The outages of a screen do not overlap. For example, a screen can stay away when its store's line is back.
        is_later = before is None or new.since > before.since
        changed_at = new.since if new.cause and is_later else now
        ended[changed_at].append(key)
        if new.cause:
            begun.append(Outage(screen_id=key, begins_at=changed_at, cause=new.cause))
    if not changed:
        return
    with transaction.atomic():
        ScreenState.objects.bulk_create(
            changed, WRITTEN_AT_ONCE, update_conflicts=True, unique_fields=["screen"], update_fields=SavedState._fields
        )
        open_outages = Outage.objects.filter(ends_at=None)
        for cause, all_keys in better_cause.items():
            for keys in batches(all_keys, WRITTEN_AT_ONCE):
                open_outages.filter(screen__in=keys).update(cause=cause)
        for changed_at, all_keys in ended.items():
            for keys in batches(all_keys, WRITTEN_AT_ONCE):
                open_outages.filter(screen__in=keys).update(ends_at=changed_at)
        for some in batches(begun, WRITTEN_AT_ONCE):
            begin_outages(some)


def begin_outages(begun: list[Outage]) -> None:
    """Save new outages. If the last outage of a screen had the same cause a short time ago, it goes on instead."""
    earliest = min(each.begins_at for each in begun) - MERGED
    recent = Outage.objects.filter(screen__in=[each.screen_id for each in begun], ends_at__gt=earliest)
    last = {each.screen_id: each for each in recent.order_by("ends_at", "pk")}
    new, continued = [], []
    for outage in begun:
        before = last.get(outage.screen_id)
        is_same = before is not None and before.cause == outage.cause
        if before and before.ends_at and is_same and outage.begins_at - before.ends_at < MERGED:
            continued.append(before.pk)
        else:
            new.append(outage)
    Outage.objects.filter(pk__in=continued).update(ends_at=None)
    Outage.objects.bulk_create(new)


def to_save(finding: Finding, before: SavedState | None) -> SavedState:
    """Return the state to save. If the page has reported nothing, the last report is kept."""
    is_same = before and (before.state, before.cause) == (finding.state, finding.cause)
    since = before.since if before and is_same else finding.since
    page = finding.page or before
    report = (page.version, page.browser, page.width, page.height) if page else ("", "", 0, 0)
    return SavedState(finding.state, finding.cause, since, *report)


def forget_revoked(now: datetime) -> None:
    """End the outages of screens that were revoked, and forget their states."""
    is_revoked = Q(screen__revoked_at__isnull=False) | Q(screen__store=None)
    for keys in batches(ScreenState.objects.filter(is_revoked).values_list("pk", flat=True), WRITTEN_AT_ONCE):
        with transaction.atomic():
            Outage.objects.filter(screen__in=keys, ends_at=None).update(ends_at=now)
            ScreenState.objects.filter(pk__in=keys).delete()


def read_memory() -> Memory:
    """Return the memory of the last run. Raises RedisError."""
    text = cast(bytes | None, the_redis().get(MEMORY_KEY))
    if not text:
        return Memory()
    written: dict[str, Any] = json.loads(text)
    return Memory(
        {
            int(key): Absence(time_of(since), timedelta(seconds=grace), close_code, is_together)
            for key, (since, grace, close_code, is_together) in written["absences"].items()
        },
        {int(key): timedelta(seconds=left) for key, left in written["unreported"].items()},
        timedelta(seconds=written["without_replicas"]),
    )


def write_memory(memory: Memory) -> None:
    absences = {
        key: [each.since.timestamp(), each.grace.total_seconds(), each.close_code, each.is_together]
        for key, each in memory.absences.items()
    }
    values = {
        "absences": absences,
        "unreported": {key: left.total_seconds() for key, left in memory.unreported.items()},
        "without_replicas": memory.without_replicas.total_seconds(),
    }
    the_redis().set(MEMORY_KEY, json.dumps(values))


def time_of(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
