"""Prometheus metrics of the alarms. Only the service `tasks` exports them."""

from collections import Counter
from collections.abc import Iterable

from django.db import Error as DatabaseError
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cashier_web.models import Alarm, AlarmKind, AlarmMessage


class AlarmCollector(Collector):
    """Exports how many alarms have not ended, by kind, and how many messages wait although an attempt has failed.

    If the database does not answer, nothing is exported.
    """

    def collect(self) -> Iterable[GaugeMetricFamily]:
        lasting = Alarm.objects.filter(ends_at=None).order_by().values_list("kind").annotate(Count("pk"))
        failing = AlarmMessage.objects.filter(sent_at=None, given_up_at=None).exclude(error="")
        try:
            numbers, waiting = Counter(dict(lasting)), failing.count()
        except DatabaseError:
            return
        family = GaugeMetricFamily("cashier_alarms", "Alarms that have not ended, by their kind.", labels=["kind"])
        for kind in AlarmKind:
            family.add_metric([kind.value], numbers[kind.value])
        yield family
        help_text = "Messages about alarms that could not be delivered yet."
        yield GaugeMetricFamily("cashier_alarm_messages_failing", help_text, value=waiting)
