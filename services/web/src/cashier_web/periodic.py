"""The chores: what must be done again and again, by whichever worker is there. One takes the turn of each."""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import Error as DatabaseError
from django.db import close_old_connections
from redis import Redis
from redis.exceptions import RedisError

from cashier_web.history import recorder
from cashier_web.infra.redis_clients import the_redis
from cashier_web.screens import announce

LOOK_SECONDS = 1.0
"""Between two looks at whose turn it is."""
LONGEST_SECONDS = 60
"""Nobody else begins while one is at it, but after this time it is taken to have died."""

log = logging.getLogger(__name__)


@dataclass
class Chore:
    """name: of its key in Redis, which is there for as long as nobody has to do it again.

    seconds: between two turns; with its data Redis loses the key, too. is_told: its fault, until it is over.
    """

    name: str
    seconds: int
    do: Callable[[], Any]
    is_told: bool = False

    def take_turn(self, redis: Redis) -> bool:
        """Do it if nobody has since Redis lost its data, or for long; whether that was so."""
        key = f"cashier:chore:{self.name}"
        if not redis.set(key, 1, nx=True, ex=max(self.seconds, LONGEST_SECONDS)):
            return False
        try:
            close_old_connections()
            self.do()
        except BaseException:
            redis.delete(key)
            raise
        redis.expire(key, self.seconds)
        return True


CHORES = [
    # Holds a worker up for some 40 ms with 500 stores.
    Chore("compare", 60, announce.compare),
    # A press's share of it is a third less than with a turn each second: SQLite writes whole pages.
    Chore("record", 5, recorder.record),
    Chore("prune", 3600, recorder.prune),
]


def look_round(chores: list[Chore], redis: Redis) -> None:
    """Take the turns that are to be taken; a fault is told once, until it is over."""
    for chore in chores:
        try:
            if chore.take_turn(redis):
                chore.is_told = False
        except (RedisError, DatabaseError) as fault:
            if not chore.is_told:
                log.warning("the chore %s can't be done now: %s", chore.name, " ".join(str(fault).split()))
            chore.is_told = True
        except Exception:
            log.exception("fault in the chore %s", chore.name)


def look_round_for_ever() -> None:
    while True:
        threading.Event().wait(LOOK_SECONDS * random.uniform(0.9, 1.1))
        look_round(CHORES, the_redis())


def start() -> None:
    """Look after all of them from now on, for as long as this process lives."""
    threading.Thread(target=look_round_for_ever, name="chores", daemon=True).start()
