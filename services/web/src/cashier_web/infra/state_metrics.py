"""Prometheus metrics of the state of the whole installation. Only the service `tasks` exports them.

If each service exported them, their sums over all services would be wrong.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from cashier_web.infra import disk_space
from cashier_web.infra.media_storage import stored_media
from cashier_web.infra.redis_clients import the_history


class HistoryCollector(Collector):
    """Exports how many entries of the history are in Redis, and how many could not be stored in the database.

    A number is left out if Redis or the database does not answer.
    """

    def collect(self) -> Iterable[GaugeMetricFamily]:
        try:
            waiting = the_history().length()
            yield GaugeMetricFamily(
                "cashier_history_waiting", "Changes of calls that are not yet in the database.", value=waiting
            )
        except RedisError:
            pass
        try:
            with connection.cursor() as cursor:
                # This query is written in SQL, because the package infra may not import models.
                cursor.execute("SELECT count(*) FROM cashier_web_unstoredentry")
                (unstored,) = cursor.fetchone()
        except DatabaseError:
            return
        help_text = "Entries of the history that could not be stored. The admin lists them."
        yield GaugeMetricFamily("cashier_history_unstored", help_text, value=unstored)


class DiskCollector(Collector):
    """Exports how many bytes the media and the database use, and how many bytes of the disk are free."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        size, free = disk_space.disk_usage()
        yield GaugeMetricFamily("cashier_disk_bytes", "Bytes of the disk with the media.", value=size)
        yield GaugeMetricFamily("cashier_disk_free_bytes", "Free bytes of the disk with the media.", value=free)
        if not settings.ENVIRONMENT.cashier_media_url:  # An object store needs many requests to answer this.
            media = stored_media.bytes_in()
            yield GaugeMetricFamily("cashier_media_bytes", "Bytes of all media.", value=media)
        try:
            database = disk_space.database_bytes()
        except DatabaseError:
            return
        if database is not None:
            yield GaugeMetricFamily("cashier_database_bytes", "Bytes of the database.", value=database)
