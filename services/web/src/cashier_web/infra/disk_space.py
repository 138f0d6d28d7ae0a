"""Measures how much of the disk the media and the database use, and how much is free.

In the usual deployment, the media, the database, Redis, the backups and the logs are on the same disk.
"""

import errno
import logging
from pathlib import Path

from django.conf import settings
from django.db import connection

from cashier_web.infra import media_storage

MB = 1024 * 1024

log = logging.getLogger(__name__)


def disk_usage() -> tuple[int, int]:
    """Return the size of the disk with the media, and how much of it is free, in bytes."""
    return media_storage.disk_usage(Path(settings.MEDIA_ROOT))


def database_bytes() -> int | None:
    """Return the size of the database in bytes, or None if it is a SQLite database. Raises a database error."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def bytes_to_keep_free() -> int:
    return int(settings.ENVIRONMENT.cashier_free_disk_mb) * MB


def is_low() -> bool:
    """Return whether the disk is almost full: its free space is less than twice the space that must stay free."""
    return disk_usage()[1] < 2 * bytes_to_keep_free()


def warn_if_low() -> None:
    """Log a warning if the disk is almost full. The admin shows the same warning."""
    if is_low():
        log.warning(
            "the disk is almost full: %d MB are free, uploads are refused below %d MB",
            disk_usage()[1] // MB,
            bytes_to_keep_free() // MB,
        )


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether the exception says that the disk, or the quota of the process's user, is full."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
