"""Tells the screens the idle text and the appearance id of their store.

Also writes what the database says into Redis again, after Redis has lost its data.
"""

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
    """Tell the screens of these stores their idle text and their appearance id.

    Call this within the transaction that changes the stores. If it raises RedisError, roll the transaction back. Redis
    may have told the screens about the change in spite of the error; then `announce_differences` corrects it later.
    """
    the_timeline().set_idle({store.slug: idle_of(store) for store in stores})


def announce_appearance(store: Store) -> None:
    """Let the store's screens load their appearance again, after a change of media, logo or a screen's sound.

    Must be called within the transaction that makes the change, like `announce`. Locks the store's row until the
    transaction ends. Raises RedisError.
    """
    Store.objects.filter(pk=store.pk).update(revision=F("revision") + 1)
    announce([Store.objects.get(pk=store.pk)])


def announce_differences() -> int:
    """Compare Redis with the database, and correct Redis. Returns how many differences there were.

    A store whose idle text or appearance id differs is locked, read again and announced. If another request is just
    saving a change of this store, the lock waits until the change is saved. Therefore this function never replaces new
    values in Redis by old values.
    """
    stores = list(Store.objects.all())
    known = the_timeline().idle([store.slug for store in stores])
    differing = [store.pk for store, idle in zip(stores, known, strict=True) if idle_of(store) != idle]
    if differing:
        with transaction.atomic():
            announce(Store.objects.select_for_update(no_key=True).filter(pk__in=differing).order_by("slug"))
    return len(differing) + restore_revocations()


def restore_revocations() -> int:
    """Make the set of revoked credentials in Redis equal to the database. Returns 1 if the two differed, else 0.

    Credentials whose tickets have expired are left out.
    """
    since = timezone.now() - timedelta(seconds=GOOD_SECONDS)
    # Redis is read before the database. If another request revokes a credential after this line, the credential is not
    # in `known`, so `replace` does not remove it from Redis.
    known = the_revocations().known()
    screens = Screen.objects.filter(changed_at__gte=since)
    credential_ids = {credential_id for screen in screens for credential_id in screen.revoked_credential_ids}
    return int(the_revocations().replace(known, credential_ids))
