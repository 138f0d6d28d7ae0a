"""The service `tasks` answers its health check, and gives Prometheus the metrics."""

import httpx
import pytest

from cashier_local.ports import free_port
from cashier_web.infra.tasks_server import STUCK_SECONDS, serve_health_and_metrics

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def serve():
    """Return a function that starts the server, and returns its URL."""

    def serve(seconds_since_last_round: float) -> str:
        port = free_port()
        serve_health_and_metrics("127.0.0.1", port, lambda: seconds_since_last_round)
        return f"http://127.0.0.1:{port}"

    return serve


def test_the_metrics_contain_the_number_of_changes_that_are_not_recorded_yet(serve, redis) -> None:
    for _ in range(3):
        redis.xadd("cashier:history", {"entry": "{}"})

    assert "\ncashier_history_waiting 3.0\n" in httpx.get(f"{serve(0)}/metrics").text


def test_without_redis_the_metrics_lack_only_this_number(serve, environment) -> None:
    environment(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    figures = httpx.get(f"{serve(0)}/metrics").text

    assert "cashier_build_info" in figures
    assert "cashier_history_waiting" not in figures


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (STUCK_SECONDS - 1, 200), (STUCK_SECONDS + 1, 503)])
def test_the_service_is_healthy_unless_a_task_is_stuck(serve, seconds, status) -> None:
    assert httpx.get(f"{serve(seconds)}/healthz").status_code == status


def test_the_service_has_no_other_pages(serve) -> None:
    assert httpx.get(f"{serve(0)}/admin/").status_code == 404
