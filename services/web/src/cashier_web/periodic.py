"""Tasks that run again and again in the worker processes. For each run, one worker takes the task's key in Redis."""

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

POLL_SECONDS = 1.0
"""How often each worker looks for tasks that are due."""
LONGEST_SECONDS = 60
"""While a worker runs a task, no other worker starts it; after this time the worker is assumed to have died."""

log = logging.getLogger(__name__)


@dataclass
class PeriodicTask:
    """name: of the key in Redis, which exists while the task is not due.

    seconds: between two runs. If Redis loses its data, it also loses the key, and the task is due at once.
    has_failed: the last run failed, and this was logged.
    """

    name: str
    seconds: int
    run: Callable[[], Any]
    has_failed: bool = False

    def run_if_due(self, redis: Redis) -> bool:
        """Run the task if no other worker holds its key in Redis. Returns whether it ran."""
        key = f"cashier:chore:{self.name}"
        if not redis.set(key, 1, nx=True, ex=max(self.seconds, LONGEST_SECONDS)):
            return False
        try:
            close_old_connections()
            self.run()
        except BaseException:
            redis.delete(key)
            raise
        redis.expire(key, self.seconds)
        return True


TASKS = [
    # Takes some 40 ms of a worker with 500 stores.
    PeriodicTask("compare", 60, announce.announce_differences),
    # SQLite writes whole pages: with 5 s, a press's share of the writing is a third less than with 1 s.
    PeriodicTask("record", 5, recorder.record_calls),
    PeriodicTask("prune", 3600, recorder.delete_old_calls),
]


def run_due_tasks(tasks: list[PeriodicTask], redis: Redis) -> None:
    """Run the tasks that are due. If Redis or the database does not answer, this is logged once, until it answers."""
    for task in tasks:
        try:
            if task.run_if_due(redis):
                task.has_failed = False
        except (RedisError, DatabaseError) as error:
            if not task.has_failed:
                log.warning("the periodic task %s can't run now: %s", task.name, " ".join(str(error).split()))
            task.has_failed = True
        except Exception:
            log.exception("fault in the periodic task %s", task.name)


def run_forever() -> None:
    while True:
        threading.Event().wait(POLL_SECONDS * random.uniform(0.9, 1.1))
        run_due_tasks(TASKS, the_redis())


def start() -> None:
    """Run the tasks in a thread, until this process ends."""
    threading.Thread(target=run_forever, name="periodic tasks", daemon=True).start()
