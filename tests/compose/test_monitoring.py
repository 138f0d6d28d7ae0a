"""Prometheus finds every container, and knows every figure that the dashboard asks for.

Grafana's image can't be had where there is no registry: its dashboard is then checked as far as its queries go.
"""

import asyncio
import json
from urllib.parse import quote

import pytest

from loadtests.clients.till import Till
from tests.support.compose_load import opened, until
from tests.support.compose_stack import Failed, docker

pytestmark = pytest.mark.anyio


def ask(stack, path: str) -> dict:
    """Prometheus's API, which only containers reach."""
    url = f"http://prometheus:9090/api/v1/{path}"
    return json.loads(stack.compose("exec", "-T", "web", "python", "-m", "cashier_core.healthcheck", url))["data"]


def up(stack) -> set[str]:
    try:
        targets = ask(stack, "targets")["activeTargets"]
    except (Failed, ValueError):
        return set()
    return {each["labels"]["instance"] for each in targets if each["health"] == "up"}


async def test_every_query_of_the_dashboard_has_an_answer(stack, replicas) -> None:
    replicas(2)
    stack.compose("up", "--detach", "--no-deps", "prometheus")
    expected = {f"{stack.address(each, 'app')}:8000" for each in stack.containers("web")}
    expected |= {f"{stack.address(each, 'app')}:9000" for each in stack.containers("ws")}
    async with Till(stack.url) as till, opened(stack.url, await till.websocket_path(), 4) as screens:
        await till.press(1)
        await asyncio.gather(*(screen.until(3, 10) for screen in screens))
        await until(lambda: up(stack) == expected, 40, "Prometheus finds web and ws")
        dashboard = json.loads((stack.compose_folder / "monitoring/grafana/dashboards/cashier_q.json").read_text())
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]

        def unanswered() -> list[str]:
            asked = [query.replace("$__rate_interval", "1m") for query in queries]
            return [query for query in asked if not ask(stack, f"query?query={quote(query)}")["result"]]

        assert len(queries) > 8
        # A rate needs a second look, 15 s after the first.
        await until(lambda: not unanswered(), 60, "every query of the dashboard has an answer")
        (total,) = ask(stack, f"query?query={quote('sum(cashier_screens)')}")["result"]
        assert total["value"][1] == "4"
    stack.compose("rm", "--force", "--stop", "prometheus")


async def test_presses_are_counted_over_all_workers_also_of_one_that_was_killed(stack) -> None:
    (web,) = stack.containers("web")
    me = "os.getpid()"
    workers = f"import os; print(*[pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) not in (1, {me})])"

    def counted() -> float:
        return stack.figure(web, 8000, "cashier_presses_total")

    before = counted()
    tills = [await Till(stack.url).__aenter__() for _ in range(10)]
    try:
        await asyncio.gather(*(till.press(1) for till in tills))
        (victim, *others) = docker("exec", web, "python", "-c", workers).split()
        assert others, "there is one worker only"
        docker("exec", web, "python", "-c", f"import os, signal; os.kill({victim}, signal.SIGKILL)")
        await asyncio.gather(*(till.press(1) for till in tills))
        assert counted() - before == 20
    finally:
        for till in tills:
            await till.__aexit__(None, None, None)
