"""The service `tasks` answers its health check, and gives Prometheus the metrics."""

from datetime import UTC, datetime

import httpx
import pytest
from django.utils import timezone

from cashier_local.ports import free_port
from cashier_web.alarms.metrics import AlarmCollector
from cashier_web.fleet.metrics import FleetCollector
from cashier_web.infra.tasks_server import STUCK_SECONDS, serve_health_and_metrics
from cashier_web.models import Alarm, AlarmMessage, Screen, ScreenState, State
from cashier_web.screens.watched import note_watched

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def serve():
    """Return a function that starts the server, and returns its URL."""

    def serve(seconds_since_last_round: float) -> str:
        port = free_port()
        serve_health_and_metrics(
            "127.0.0.1", port, lambda: seconds_since_last_round, FleetCollector(), AlarmCollector()
        )
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


def test_the_metrics_contain_the_number_of_paired_screens_in_each_state(serve, stores) -> None:
    for name, state in (("Entrance", State.OFFLINE), ("Café", State.OFFLINE), ("Hall", State.SHOWING), ("New", None)):
        screen = Screen.objects.create(store=stores[0], name=name, secret_hash=name)
        if state:
            ScreenState.objects.create(screen=screen, state=state, since=timezone.now())
    note_watched(datetime(2026, 11, 30, tzinfo=UTC))
    lines = httpx.get(f"{serve(0)}/metrics").text.splitlines()

    assert 'cashier_paired_screens{state="offline"} 2.0' in lines
    assert 'cashier_paired_screens{state="showing"} 1.0' in lines
    assert 'cashier_paired_screens{state="hidden"} 0.0' in lines
    assert 'cashier_paired_screens{state="not_known_yet"} 1.0' in lines
    assert "cashier_screens_watched_timestamp_seconds 1.7959968e+09" in lines


def test_the_metrics_contain_the_number_of_alarms_and_of_messages_that_fail(serve, stores) -> None:
    now = timezone.now()
    values = {"store": stores[0], "kind": "store_offline", "begins_at": now, "raised_at": now}
    alarm = Alarm.objects.create(**values)
    Alarm.objects.create(**values, ends_at=now)
    for error, sent_at in (("status 500", None), ("", None), ("status 500", now)):
        AlarmMessage.objects.create(alarm=alarm, event="began", made_at=now, due_at=now, error=error, sent_at=sent_at)
    lines = httpx.get(f"{serve(0)}/metrics").text.splitlines()

    assert 'cashier_alarms{kind="store_offline"} 1.0' in lines
    assert 'cashier_alarms{kind="offline"} 0.0' in lines
    assert "cashier_alarm_messages_failing 1.0" in lines


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (STUCK_SECONDS - 1, 200), (STUCK_SECONDS + 1, 503)])
def test_the_service_is_healthy_unless_a_task_is_stuck(serve, seconds, status) -> None:
    assert httpx.get(f"{serve(seconds)}/healthz").status_code == status


def test_the_service_has_no_other_pages(serve) -> None:
    assert httpx.get(f"{serve(0)}/admin/").status_code == 404
