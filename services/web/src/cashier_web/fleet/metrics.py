"""Prometheus metrics of the paired screens. Only the service `tasks` exports them."""

from collections import Counter
from collections.abc import Iterable

from django.db import Error as DatabaseError
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from cashier_web.fleet.overview import screens_of
from cashier_web.models import State, Store
from cashier_web.screens.watched import watched_at


class FleetCollector(Collector):
    """Exports how many paired screens are in each state, and when this was found.

    A number is left out if Redis or the database does not answer.
    """

    def collect(self) -> Iterable[GaugeMetricFamily]:
        try:
            if last_watched := watched_at():
                help_text = "Unix time at which the states of the paired screens were found."
                yield GaugeMetricFamily(
                    "cashier_screens_watched_timestamp_seconds", help_text, value=last_watched.timestamp()
                )
        except RedisError:
            pass
        try:
            numbers = Counter(dict(self._numbers()))
        except DatabaseError:
            return
        family = GaugeMetricFamily("cashier_paired_screens", "Paired screens by their state.", labels=["state"])
        for state in State:
            family.add_metric([state.value], numbers[state.value])
        family.add_metric(["not_known_yet"], numbers[None])
        yield family

    def _numbers(self) -> Iterable[tuple[str | None, int]]:
        screens = screens_of(Store.objects.all(), "").order_by()
        return screens.values_list("now__state").annotate(Count("pk"))
