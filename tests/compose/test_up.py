"""`make up` in a fresh clone starts a working stack."""

import json

import pytest

from loadtests.clients.till import Till
from tests.support.compose_load import opened

pytestmark = pytest.mark.anyio


def test_make_up_starts_all_services_and_prints_the_addresses(stack) -> None:
    assert stack.first_states == {
        *((service, "running", "healthy") for service in ("nginx", "web", "press", "tasks", "ws", "redis", "db")),
        *((service, "exited", "") for service in ("db_owner", "migrate", "nginx_files")),
    }
    assert f"http://localhost:{stack.port}/cashier_buttons" in stack.up_output
    assert "make account" in stack.up_output


async def test_a_press_is_shown_on_screens_of_both_replicas_for_three_seconds(stack) -> None:
    async with Till(stack.url) as till, opened(stack.url, await till.websocket_path(), 10) as screens:
        assert (await till.press(4)).status_code == 204
        for screen in screens:
            await screen.until(3, 10)

        for screen in screens:
            assert [paint.till for paint in screen.painted] == [0, 4, 0]
            assert screen.painted[2].at - screen.painted[1].at == pytest.approx(3, abs=0.1)
        assert min(stack.figure(ws, 9000, "cashier_screens") for ws in stack.containers("ws")) > 0


def test_an_account_is_kept_by_a_second_make_up_which_replaces_nothing(stack) -> None:
    before = stack.compose("ps", "--quiet")
    stack.manage(
        "from django.contrib.auth.models import User; "
        "User.objects.filter(username='ada').exists() or User.objects.create_superuser('ada', password='x' * 12)"
    )
    stack.make("up")

    assert stack.compose("ps", "--quiet") == before
    assert (
        stack.manage(
            "from django.contrib.auth.models import User; print(User.objects.filter(username='ada').count())"
        ).split()[-1]
        == "1"
    )


async def test_nginx_and_the_service_press_log_a_press_with_the_same_request_id(stack) -> None:
    async with Till(stack.url) as till:
        assert (await till.press(2)).status_code == 204
    lines = stack.compose("logs", "--no-color", "--no-log-prefix", "press").splitlines()
    presses = [json.loads(line[line.index("{") :]) for line in lines if '"event": "press"' in line]

    assert presses[-1]["till"] == 2
    assert presses[-1]["request_id"] in stack.compose("logs", "--no-color", "--no-log-prefix", "nginx")
