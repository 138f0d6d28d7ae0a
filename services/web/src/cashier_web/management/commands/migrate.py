"""The management command `migrate` of Django, changed in two points.

The command deletes the documents and sessions in Redis, because the version that ran before may not have changed them
together with the database. They are read from the database again when they are needed.

Presses do not wait while a migration waits for a table. A migration that changes a table needs the table for itself.
While the migration waits for another transaction that uses the table, such as a backup, PostgreSQL lets all later
transactions wait behind the migration.
"""

import contextlib
import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import OperationalError, connections
from redis.exceptions import RedisError

from cashier_web.accounts import sessions
from cashier_web.press_data import redis_documents

LOCK_SECONDS = 1
"""The longest time for which a migration waits for a table. Presses wait behind the migration for the same time, and a
press may take 4 s at most."""
PAUSE_SECONDS = 4
"""The time for which others may use the table before the migration is tried again."""
MOST_SECONDS = 300
"""The command fails if a migration has not got its tables after this time."""
LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for the error that a statement gets if it has waited for a lock longer than `lock_timeout`."""


class Command(DjangoCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the migrations, and delete the documents and sessions in Redis."""
        self._migrate(*args, **options)
        # `make run` prepares the database before Redis runs.
        with contextlib.suppress(RedisError):
            redis_documents.delete_all()
            sessions.delete_sessions_in_redis()

    def _migrate(self, *args: Any, **options: Any) -> None:
        """Run the migrations. In PostgreSQL, a migration that does not get a table is undone and tried again later."""
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        deadline = time.monotonic() + MOST_SECONDS
        while True:
            with connection.cursor() as cursor:
                cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                    raise
                if time.monotonic() > deadline:
                    raise CommandError(
                        f"Another transaction, such as a backup, has used a table for {MOST_SECONDS} s. "
                        "The migration has changed nothing. Try again later."
                    ) from None
                self.stderr.write(f"Another transaction uses the table. Trying again in {PAUSE_SECONDS} s.")
                time.sleep(PAUSE_SECONDS)
            else:
                return
