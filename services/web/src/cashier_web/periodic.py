"""Tasks that are repeated every few seconds or minutes.

Each worker process tries to start each task. A key in Redis ensures that each time only one of them does the task.
"""

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
"""The time in seconds after which each worker process looks for due tasks again."""
LONGEST_SECONDS = 60
"""While a worker process runs a task, the task's key stays in Redis for at least this time.

No other worker process starts the task meanwhile. If the worker process dies, the key expires, and another worker
process runs the task.
"""

log = logging.getLogger(__name__)


@dataclass
class PeriodicTask:
    """A task that is repeated.

    name: the last part of the name of the task's key in Redis. While the key exists, the task is not due.
    seconds: the time between two runs. If Redis loses its data, it also loses the key, and the task is due at once.
    has_failed: whether Redis or the database did not answer at the last attempt. In this case a
    warning was logged.
    """

    name: str
    seconds: int
    run: Callable[[], Any]
    has_failed: bool = False

    def run_if_due(self, redis: Redis) -> bool:
        """Run the task if its key does not exist in Redis. Returns whether the task ran.

        The key is created before the task runs, so that no other worker process runs the task at the same time.
        """
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
    # With 500 stores, the task "compare" takes about 40 ms of a worker process's time.
    PeriodicTask("compare", 60, announce.announce_differences),
    # The task "record" writes past calls into the database. It runs every 5 s instead of every second, because SQLite
    # always writes whole pages of its file. Writing the calls of 5 s together reduces the cost of the history per press
    # by a third.
    PeriodicTask("record", 5, recorder.record_calls),
    PeriodicTask("prune", 3600, recorder.delete_old_calls),
]


def run_due_tasks(tasks: list[PeriodicTask], redis: Redis) -> None:
    """Run the tasks that are due.

    If Redis or the database does not answer, this is logged at the first attempt, and not again until the task has run.
    """
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
    """Run the tasks in a thread of this process. The thread ends when the process ends."""
    threading.Thread(target=run_forever, name="periodic tasks", daemon=True).start()
