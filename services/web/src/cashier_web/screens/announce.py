"""Tells the screens what the database says about their stores, and repairs what Redis has lost."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from cashier_core.tickets import GOOD_SECONDS
from cashier_web.infra.redis_clients import the_revocations, the_timeline
from cashier_web.models import Screen, Store
from cashier_web.screens.appearance import idle_of


def announce(stores: Iterable[Store]) -> None:
    """Tell the screens of these stores what to show while nobody is called.

    Call this within the transaction that changes the stores. Raises RedisError: the transaction must then be rolled
    back. Redis may have told the screens all the same; `announce_differences` corrects that.
    """
    the_timeline().set_idle({store.slug: idle_of(store) for store in stores})


def announce_appearance(store: Store) -> None:
    """Let the store's screens load their appearance again, after a change of media, logo or a screen's sound.

    As `announce`, and locks the store's row until the transaction ends.
    """
    Store.objects.filter(pk=store.pk).update(revision=F("revision") + 1)
    announce([Store.objects.get(pk=store.pk)])


def announce_differences() -> int:
    """Announce each store about which Redis says something else than the database. Returns how many there were.

    These stores are locked and read again, so that a change which is just being saved is awaited and not undone.
    """
    stores = list(Store.objects.all())
    known = the_timeline().idle([store.slug for store in stores])
    differing = [store.pk for store, idle in zip(stores, known, strict=True) if idle_of(store) != idle]
    if differing:
        with transaction.atomic():
            announce(Store.objects.select_for_update(no_key=True).filter(pk__in=differing).order_by("slug"))
    return len(differing) + restore_revocations()


def restore_revocations() -> int:
    """Write into Redis which credentials are revoked, as long as their tickets are valid. Returns 1 if this changed
    anything, else 0.
    """
    since = timezone.now() - timedelta(seconds=GOOD_SECONDS)
    # Read Redis first: what another request revokes from now on must stay in Redis.
    known = the_revocations().known()
    screens = Screen.objects.filter(changed_at__gte=since)
    credential_ids = {credential_id for screen in screens for credential_id in screen.revoked_credential_ids}
    return int(the_revocations().replace(known, credential_ids))
