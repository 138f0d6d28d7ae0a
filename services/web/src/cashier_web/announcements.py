"""The announcements: that screens say of their stores what the database says, whatever was lost between the two."""

import logging
import random
import threading
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, transaction
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from cashier_core import timeline
from cashier_core.tickets import GOOD_SECONDS
from cashier_web.clients import the_revocations, the_timeline
from cashier_web.models import Screen, Store

TURN = "cashier:compared"
"""Key in Redis for as long as nobody has to compare again. With its data Redis loses that, too."""
TURN_SECONDS = 60
"""Between two comparisons, of which each holds a worker up for some 20 ms with 500 stores."""
LOOK_SECONDS = 2.0
"""Between two looks for the key."""

log = logging.getLogger(__name__)


def announce(stores: Iterable[Store]) -> None:
    """Tell the screens of these stores, within the transaction that changes them.

    Raises RedisError: the change must then be undone. What Redis may have done all the same, `compare` undoes.
    """
    the_timeline().set_waiting({store.slug: store.waiting for store in stores})


def compare() -> int:
    """Announce the stores of which Redis doesn't know what the database says; returns how many these were.

    Of those their rows are read again and locked: a change that is being saved is waited for and not undone.
    """
    stores = list(Store.objects.only("slug", "language", "is_open", "closed_message"))
    known = the_timeline().waiting([store.slug for store in stores])
    differing = [store.pk for store, waiting in zip(stores, known, strict=True) if store.waiting != waiting]
    if differing:
        with transaction.atomic():
            announce(Store.objects.select_for_update(no_key=True).filter(pk__in=differing).order_by("slug"))
    return len(differing) + remember_revoked()


def remember_revoked() -> int:
    """Put into Redis which screens are revoked while they may have tickets; 1 if it didn't know that."""
    since = timezone.now() - timedelta(seconds=GOOD_SECONDS)
    marks = {mark for screen in Screen.objects.filter(changed_at__gte=since) for mark in screen.revoked_marks}
    return int(the_revocations().replace(marks))


def take_turn(redis: Redis) -> bool:
    """Compare if nobody has since Redis lost its data, or for long; whether that was so."""
    if not redis.set(TURN, 1, nx=True, ex=TURN_SECONDS):
        return False
    try:
        close_old_connections()
        compare()
    except BaseException:
        redis.delete(TURN)
        raise
    return True


def compare_for_ever() -> None:
    """In a thread of each worker, one of which is always there; a fault is told once, until it is over."""
    redis = timeline.connect(settings.ENVIRONMENT.redis_url)
    is_told = False
    while True:
        threading.Event().wait(LOOK_SECONDS * random.uniform(0.9, 1.1))
        try:
            if take_turn(redis):
                is_told = False
        except (RedisError, DatabaseError) as fault:
            if not is_told:
                log.warning("what screens say between calls can't be compared: %s", " ".join(str(fault).split()))
            is_told = True
        except Exception:
            log.exception("fault while comparing what screens say")


def start() -> None:
    """Compare from now on, for as long as this process lives."""
    threading.Thread(target=compare_for_ever, name="announcements", daemon=True).start()
