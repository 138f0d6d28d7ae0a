"""Keeps the states and the outages of the paired screens in the database equal to what the replicas know.

The service tasks does this every few seconds. Only one process at a time does it.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from cashier_core.screen_status import ScreenStatus, Statuses, read_statuses
from cashier_web.fleet.states import Absence, Finding, KnownScreen, SavedState, judge, note_absences
from cashier_web.infra.batches import batches
from cashier_web.infra.redis_clients import the_redis
from cashier_web.models import Cause, Outage, Screen, ScreenState, State
from cashier_web.screens.appearance import page_version

ABSENCES_KEY = "cashier:absences"
"""The key of the absences in Redis. A process that is started anew must know them."""
LONGEST_STEP = timedelta(seconds=10)
"""If more time seems to have passed since the screens were watched, the clock was set, or this service did not run."""
WRITTEN_AT_ONCE = 500

log = logging.getLogger(__name__)


def watch_screens() -> None:
    """Find the states of all paired screens, and save what has changed.

    Raises RedisError or a database error if Redis or the database does not work. The next run then does the work.
    """
    statuses, now = read_statuses(the_redis()), timezone.now()
    if statuses.invalid:
        log.error("the statuses of screens are invalid: %d", statuses.invalid)
    if not statuses.replicas:
        # Nobody knows the state of any screen. When a replica has started, the screens get the time to connect again.
        the_redis().delete(ABSENCES_KEY)
        return
    screens, of_screens = known_screens(), statuses_by_key(statuses)
    before, watched_at = read_absences()
    passed = min(max(now - watched_at, timedelta()), LONGEST_STEP)
    absences = note_absences(screens, of_screens, before, now, passed, is_replica_lost=statuses.lost > 0)
    save(judge(screens, of_screens, absences, now, page_version()), {each.key: each.saved for each in screens}, now)
    forget_revoked(now)
    write_absences(absences, now)


def known_screens() -> list[KnownScreen]:
    """Return the screens that belong to a store and are not revoked, with their last states."""
    screens = Screen.objects.filter(revoked_at=None).exclude(store=None).order_by()
    of_state = [f"now__{name}" for name in SavedState._fields]
    return [
        KnownScreen(key, store, seen_at is not None, SavedState(*saved) if saved[0] else None)
        for key, store, seen_at, *saved in screens.values_list("pk", "store_id", "seen_at", *of_state)
    ]


def statuses_by_key(statuses: Statuses) -> dict[int, list[ScreenStatus]]:
    """Return the statuses of each screen, by the primary key of the screen, with which a credential id begins."""
    found: defaultdict[int, list[ScreenStatus]] = defaultdict(list)
    for credential_id, of_screen in statuses.of_screens.items():
        found[int(credential_id.partition(".")[0])] += of_screen
    return found


def save(findings: Mapping[int, Finding], saved: Mapping[int, SavedState | None], now: datetime) -> None:
    """Save the states that have changed, and begin or end their outages. saved: the last states."""
    changed, ended, begun, became_line = [], [], [], []
    for key, finding in findings.items():
        before, new = saved[key], to_save(finding, saved[key])
        if new == before:
            continue
        changed.append(ScreenState(screen_id=key, **new._asdict()))
        if new.cause == (before.cause if before else ""):
            continue
        if new.cause == Cause.LINE and before and before.state == State.OFFLINE:
            # The outage of the store was noticed later than the outage of its first screen.
            became_line.append(key)
            continue
        ended.append(key)
        if new.cause:
            begun.append(Outage(screen_id=key, begins_at=new.since, cause=new.cause))
    if not changed:
        return
    with transaction.atomic():
        ScreenState.objects.bulk_create(
            changed, WRITTEN_AT_ONCE, update_conflicts=True, unique_fields=["screen"], update_fields=SavedState._fields
        )
        open_outages = Outage.objects.filter(ends_at=None)
        for keys in batches(became_line, WRITTEN_AT_ONCE):
            open_outages.filter(screen__in=keys).update(cause=Cause.LINE)
        for keys in batches(ended, WRITTEN_AT_ONCE):
            open_outages.filter(screen__in=keys).update(ends_at=now)
        Outage.objects.bulk_create(begun, WRITTEN_AT_ONCE)


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


def read_absences() -> tuple[dict[int, Absence], datetime]:
    """Return the absences that the last run has written, and when this was."""
    text = cast(bytes | None, the_redis().get(ABSENCES_KEY))
    written = json.loads(text or '{"at": 0, "absences": {}}')
    absences = {
        int(key): Absence(time_of(since), timedelta(seconds=grace), close_code)
        for key, (since, grace, close_code) in written["absences"].items()
    }
    return absences, time_of(written["at"])


def write_absences(absences: Mapping[int, Absence], now: datetime) -> None:
    values = {
        key: [each.since.timestamp(), each.grace.total_seconds(), each.close_code] for key, each in absences.items()
    }
    the_redis().set(ABSENCES_KEY, json.dumps({"at": now.timestamp(), "absences": values}))


def time_of(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
