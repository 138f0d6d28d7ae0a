"""The metric `cashier_build_info`, whose label tells which version of cashier_q a process runs."""

from collections.abc import Iterable

from prometheus_client.core import InfoMetricFamily
from prometheus_client.registry import Collector

from cashier_core import __version__


class BuildInfoCollector(Collector):
    """Exports the metric with the value 1 and the version as its label."""

    def collect(self) -> Iterable[InfoMetricFamily]:
        yield InfoMetricFamily("cashier_build", "The version of cashier_q.", value={"version": __version__})
