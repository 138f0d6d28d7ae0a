"""Tasks that are repeated every few seconds or minutes. The service `tasks` runs them.

Usually there is one process of this service. During an update, an old and a new process may run at the same time. A key
in Redis ensures that each time only one process does a task.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import Error as DatabaseError
from django.db import close_old_connections
from redis import Redis
from redis.exceptions import RedisError

from cashier_web.accounts import sessions
from cashier_web.alarms import delivery, misses
from cashier_web.alarms import watch as alarms
from cashier_web.devices import last_used
from cashier_web.fleet import proof_days, watch
from cashier_web.history import proofs, recorder, unstored
from cashier_web.infra import disk_space
from cashier_web.infra.redis_clients import the_redis
from cashier_web.press_data import changes
from cashier_web.screens import announce
from cashier_web.stores import automatic_opening

POLL_SECONDS = 1.0
"""The time in seconds after which the service looks for due tasks again."""
LONGEST_SECONDS = 60
"""While a process runs a task, the task's key stays in Redis for at least this many seconds.

No other process starts the task meanwhile. If the process dies, the key expires, and the next process runs the task.
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

        The key is created before the task runs, so that no other process runs the task at the same time.
        """
        key = f"cashier:chore:{self.name}"
        lifetime = max(self.seconds, LONGEST_SECONDS)
        if not redis.set(key, 1, nx=True, ex=lifetime):
            if redis.ttl(key) > lifetime:
                # The clock of Redis was set back, so the key would exist for too long. The task runs at the next poll.
                redis.delete(key)
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
    # With 500 stores, the task "compare" takes about 40 ms.
    PeriodicTask("compare", 60, announce.announce_differences),
    PeriodicTask("documents", 60, changes.restore_documents),
    PeriodicTask("sessions", 60, sessions.delete_ended_sessions),
    PeriodicTask("used", 60, last_used.save_used),
    # The task "record" writes past calls into the database. It runs every 5 s instead of every second, because SQLite
    # always writes whole pages of its file. Writing the calls of 5 s together reduces the cost of the history per press
    # by a third.
    PeriodicTask("record", 5, recorder.record_calls),
    # The task "proofs" comes after the task "record", because a proof is stored with its call.
    PeriodicTask("proofs", 5, lambda: proofs.record_proofs(misses.count_misses)),
    # With 10,000 screens, the task "fleet" takes 0.1 to 0.2 s.
    PeriodicTask("fleet", 5, watch.ScreenWatch().run),
    PeriodicTask("alarms", 10, alarms.watch_alarms),
    PeriodicTask("hours", 5, automatic_opening.follow_hours),
    PeriodicTask("correct_hours", 60, automatic_opening.correct_hours),
    PeriodicTask("proof_days", 60, proof_days.compute_proof_days),
    PeriodicTask("prune", 3600, recorder.delete_old_calls),
    # An entry that could not be stored can be stored later, for example after an update of cashier_q.
    PeriodicTask("retry", 3600, unstored.retry_unstored),
    PeriodicTask("disk", 600, disk_space.warn_if_low),
]
MESSAGES = [PeriodicTask("messages", 5, delivery.deliver_messages)]
"""The task that waits for other hosts. It runs in a thread of its own, so that no other task waits for it."""


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


class Rounds:
    """Runs tasks again and again, whenever they are due."""

    def __init__(self, tasks: list[PeriodicTask]) -> None:
        self._tasks = tasks
        self._last_ended = time.monotonic()

    def seconds_since_last(self) -> float:
        """Return the time in seconds since the last round of tasks ended."""
        return time.monotonic() - self._last_ended

    def run_until(self, stopping: threading.Event) -> None:
        """Run a round of the due tasks about once a second, until `stopping` is set."""
        while not stopping.wait(POLL_SECONDS * random.uniform(0.9, 1.1)):
            run_due_tasks(self._tasks, the_redis())
            self._last_ended = time.monotonic()
