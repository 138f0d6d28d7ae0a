"""Prometheus finds all containers of web, press, tasks and ws, and every query of Grafana's dashboard has a result.

Alerts fire when they should, and reach Alertmanager.

Grafana itself is not started, because its image is not available on machines without access to a registry.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import yaml

from loadtests.clients.till import Till
from tests.support.compose_load import opened, until
from tests.support.compose_stack import Failed, docker

pytestmark = pytest.mark.anyio


def query_api(stack, path: str) -> dict:
    """Return the data in a response of Prometheus's API.

    The request is sent from web's container, because Prometheus publishes no port.
    """
    url = f"http://prometheus:9090/api/v1/{path}"
    return json.loads(stack.compose("exec", "-T", "web", "python", "-m", "cashier_core.healthcheck", url))["data"]


def targets_up(stack) -> set[str]:
    """Return the addresses of the containers whose metrics Prometheus can read."""
    try:
        targets = query_api(stack, "targets")["activeTargets"]
    except (Failed, ValueError):
        return set()
    return {each["labels"]["instance"] for each in targets if each["health"] == "up"}


@pytest.fixture
def prometheus(stack) -> Iterator[None]:
    """Start Prometheus with an interval of 1 s between two reads of the metrics.

    The queries need two reads to compute a rate. With the operators' interval of 15 s, the test would have to wait
    longer.
    """
    configuration = stack.compose_folder / "monitoring" / "prometheus.yml"
    original = configuration.read_text()
    configuration.write_text(original.replace("scrape_interval: 15s", "scrape_interval: 1s"))
    assert configuration.read_text() != original
    stack.compose("up", "--detach", "--no-deps", "prometheus")
    yield
    stack.compose("rm", "--force", "--stop", "prometheus")
    configuration.write_text(original)


async def test_every_query_of_the_dashboard_has_a_result(stack, replicas, prometheus) -> None:
    replicas(2)
    of_web = [each for service in ("web", "press", "tasks") for each in stack.containers(service)]
    expected = {f"{stack.address(each, 'app')}:8000" for each in of_web}
    expected |= {f"{stack.address(each, 'app')}:9000" for each in stack.containers("ws")}
    async with Till(stack.url) as till, opened(stack.url, await till.websocket_path(), 4) as screens:
        await till.press(1)
        await asyncio.gather(*(screen.until(3, 10) for screen in screens))
        await until(lambda: targets_up(stack) == expected, 40, "Prometheus finds all containers")
        dashboard = json.loads((stack.compose_folder / "monitoring/grafana/dashboards/cashier_q.json").read_text())
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]

        def without_result() -> list[str]:
            runnable = [query.replace("$__rate_interval", "1m") for query in queries]
            return [query for query in runnable if not query_api(stack, f"query?query={quote(query)}")["result"]]

        assert len(queries) > 8
        await until(lambda: not without_result(), 60, "every query of the dashboard has a result")
        (total,) = query_api(stack, f"query?query={quote('sum(cashier_screens)')}")["result"]
        assert total["value"][1] == "4"


def promtool(stack, *arguments: str) -> str:
    """Run promtool of the image of Prometheus, in a folder with the alerts and their tests."""
    rules = stack.compose_folder / "monitoring/rules/cashier_q.yml"
    tests = stack.folder / "tests/compose/alert_rules.yml"
    mounts = [f"--volume={file}:/rules/{file.name}:ro" for file in (rules, tests)]
    image = stack.compose("config", "--images", "prometheus").split()[0]
    options = ["run", "--rm", "--entrypoint", "promtool", "--workdir", "/rules", "--network", "none", *mounts]
    return docker(*options, image, *arguments)


def test_each_alert_is_silent_before_its_fault_and_fires_after_it(stack) -> None:
    assert "SUCCESS" in promtool(stack, "check", "rules", "cashier_q.yml")
    assert "SUCCESS" in promtool(stack, "test", "rules", "alert_rules.yml")


def test_each_alert_has_an_entry_in_the_runbook_and_a_test(stack) -> None:
    rules = yaml.safe_load((stack.compose_folder / "monitoring/rules/cashier_q.yml").read_text())["groups"][0]["rules"]
    names = [rule["alert"] for rule in rules]
    runbook = (stack.folder / "docs/runbook.md").read_text()
    tests = yaml.safe_load((stack.folder / "tests/compose/alert_rules.yml").read_text())["tests"]

    assert re.findall(r"^## (\w+)$", runbook, re.MULTILINE) == names
    assert sorted(test["name"] for test in tests) == sorted(names)
    assert [rule["annotations"]["runbook"] for rule in rules] == [f"docs/runbook.md#{name.lower()}" for name in names]


async def test_alerts_reach_alertmanager(stack, prometheus) -> None:
    rules = stack.compose_folder / "monitoring/rules/cashier_q.yml"
    original = rules.read_text()
    stack.compose("up", "--detach", "--no-deps", "alertmanager")
    try:

        def alertmanagers() -> list[str]:
            with contextlib.suppress(Failed, ValueError):
                return [each["url"] for each in query_api(stack, "alertmanagers")["activeAlertmanagers"]]
            return []

        def received() -> str:
            url = "http://alertmanager:9093/api/v2/alerts"
            with contextlib.suppress(Failed):
                return stack.compose("exec", "-T", "web", "python", "-m", "cashier_core.healthcheck", url)
            return ""

        await until(lambda: alertmanagers() == ["http://alertmanager:9093/api/v2/alerts"], 40, "it is found")
        # The alerts of this test need no time, so that the test does not wait for minutes.
        rules.write_text(original.replace("for: 1m", "for: 0s").replace("for: 2m", "for: 0s"))
        stack.compose("kill", "--signal", "HUP", "prometheus")
        stack.compose("stop", "tasks")
        await until(lambda: "ServiceDown" in received() or "ServiceGone" in received(), 60, "the alert arrives")
    finally:
        rules.write_text(original)
        stack.compose("up", "--detach", "--no-deps", "tasks")
        stack.compose("rm", "--force", "--stop", "alertmanager")


async def test_presses_are_counted_even_if_their_worker_process_has_been_killed(stack) -> None:
    (press,) = stack.containers("press")
    own_pid = "os.getpid()"
    workers = (
        f"import os; print(*[pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) not in (1, {own_pid})])"
    )

    def counted() -> float:
        return stack.figure(press, 8000, "cashier_presses_total")

    before = counted()
    tills = [await Till(stack.url).__aenter__() for _ in range(10)]
    try:
        await asyncio.gather(*(till.press(1) for till in tills))
        (victim, *others) = docker("exec", press, "python", "-c", workers).split()
        assert others, "there is only one worker process"
        docker("exec", press, "python", "-c", f"import os, signal; os.kill({victim}, signal.SIGKILL)")
        await asyncio.gather(*(till.press(1) for till in tills))
        assert counted() - before == 20
    finally:
        for till in tills:
            await till.__aexit__(None, None, None)
