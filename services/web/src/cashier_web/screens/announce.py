"""The announcements: that screens say of their stores what the database says, whatever was lost between the two."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from cashier_core.tickets import GOOD_SECONDS
from cashier_web.infra.redis_clients import the_revocations, the_timeline
from cashier_web.models import Screen, Store
from cashier_web.screens import appearance


def announce(stores: Iterable[Store]) -> None:
    """Tell the screens of these stores, within the transaction that changes them.

    Raises RedisError: the change must then be undone. What Redis may have done all the same, `compare` undoes.
    """
    the_timeline().set_idle({store.slug: appearance.idle_of(store) for store in stores})


def announce_look(store: Store) -> None:
    """Let the store's screens take up anew what hangs on it. As `announce`; its row stays locked until the end."""
    Store.objects.filter(pk=store.pk).update(revision=F("revision") + 1)
    announce([Store.objects.get(pk=store.pk)])


def compare() -> int:
    """Announce the stores of which Redis doesn't know what the database says; returns how many these were.

    Of those their rows are read again and locked: a change that is being saved is waited for and not undone.
    """
    stores = list(Store.objects.all())
    known = the_timeline().idle([store.slug for store in stores])
    differing = [store.pk for store, idle in zip(stores, known, strict=True) if appearance.idle_of(store) != idle]
    if differing:
        with transaction.atomic():
            announce(Store.objects.select_for_update(no_key=True).filter(pk__in=differing).order_by("slug"))
    return len(differing) + remember_revoked()


def remember_revoked() -> int:
    """Put into Redis which screens are revoked while they may have tickets; 1 if it didn't know that."""
    since = timezone.now() - timedelta(seconds=GOOD_SECONDS)
    known = the_revocations().known()  # first: what is revoked from now on must stay
    screens = Screen.objects.filter(changed_at__gte=since)
    credential_ids = {each for screen in screens for each in screen.revoked_credential_ids}
    return int(the_revocations().replace(known, credential_ids))
