"""Tells the screens the idle text and the appearance id of their store.

If Redis has lost its data, this module also writes the idle texts, the appearance ids and the revoked credentials into
Redis again.
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

    Must be called within the transaction that changes the stores. Raises RedisError if Redis does not answer. The
    transaction must then be rolled back. In spite of the error, Redis may have sent the change to the screens. In this
    case, the periodic task `announce_differences` later sends the state of the database to the screens.
    """
    the_timeline().set_idle({store.slug: idle_of(store) for store in stores})


def announce_appearance(store: Store) -> None:
    """Let the store's screens load their appearance again, after a change of media, logo or a screen's sound.

    Must be called within the transaction that makes the change. Locks the store's row until the transaction ends.
    Raises RedisError if Redis does not answer.
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
    # The revoked credentials are read from Redis first, and from the database second. If another request revokes a
    # credential between the two reads, the credential is not in `known`. `replace` removes only credentials in `known`
    # from Redis, so it does not remove this credential.
    known = the_revocations().known()
    screens = Screen.objects.filter(changed_at__gte=since)
    credential_ids = {credential_id for screen in screens for credential_id in screen.revoked_credential_ids}
    return int(the_revocations().replace(known, credential_ids))
