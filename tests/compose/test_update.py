"""Under load, `make update` runs or a replica is stopped. No call is lost, and screens are told to reconnect."""

import asyncio
import contextlib
import re

import httpx
import pytest

from tests.support.compose_load import Load
from tests.support.compose_stack import Failed, docker

pytestmark = pytest.mark.anyio
DRAIN_SECONDS = 3.0


def spread_of_closes(load: Load) -> float:
    """Return the time in seconds between the first and the last connection that the server closed."""
    closed = [each.closed for screen in load.screens for each in screen.connections if each.code]
    return max(closed) - min(closed)


def verify_nothing_was_lost(load: Load) -> None:
    """Check that no press and no call was lost, and that all screens reconnected soon.

    The server may close connections only with code 1012, which tells screens to reconnect.
    """
    codes = {each.code for screen in load.screens for each in screen.connections if each.code}
    assert codes == {1012}, load.costs()
    assert {press.status for press in load.presses} == {204}, load.costs()
    assert load.faults() == []
    assert max(seconds for screen in load.screens for seconds in screen.seconds_away()) < 5, load.costs()


async def test_a_stopped_replica_closes_its_screens_with_1012_over_the_drain_time(stack, stores, replicas) -> None:
    stopped, _other = replicas(2)
    async with Load(stack.url, stores) as load:
        await asyncio.sleep(2)
        await asyncio.to_thread(docker, "stop", stopped)
    print(load.costs())

    verify_nothing_was_lost(load)
    assert DRAIN_SECONDS / 2 < spread_of_closes(load) < DRAIN_SECONDS + 1.5
    stack.reconcile()


async def test_an_update_replaces_web_and_ws_without_a_lost_press_or_call(stack, stores, replicas) -> None:
    replicas(2)
    old = {service: stack.containers(service) for service in ("web", "ws", "nginx")}
    for service, module in (("web", "calls/receipts"), ("ws", "health")):
        source = stack.folder / f"services/{service}/src/cashier_{service}/{module}.py"
        source.write_text(source.read_text() + "\n# A new version.\n")
    async with Load(stack.url, stores) as load:
        output = await asyncio.to_thread(stack.make, "update")
    print(load.costs())

    verify_nothing_was_lost(load)
    for service in ("web", "ws"):
        assert len(stack.containers(service)) == len(old[service])
        assert set(stack.containers(service)).isdisjoint(old[service])
    assert stack.containers("nginx") == old["nginx"]
    assert "nginx: unchanged" in output


async def test_pages_find_their_static_files_throughout_an_update_that_changes_one(stack, replicas) -> None:
    replicas(2)
    style = stack.folder / "services/web/src/cashier_web/static/cashier_web/screen/screen.css"
    style.write_text(style.read_text() + "\n/* A new version. */\n")
    (nginx,) = stack.containers("nginx")
    statuses: dict[str, set[int]] = {}
    update = asyncio.create_task(asyncio.to_thread(stack.make, "update"))
    async with httpx.AsyncClient(base_url=stack.url) as client:
        while not update.done():
            with contextlib.suppress(httpx.TransportError):  # requests fail while Nginx is replaced
                page = await client.get("/")
                for file in re.findall(r'"(/static/[^"]+)"', page.text):
                    statuses.setdefault(file, set()).add((await client.get(file)).status_code)
            await asyncio.sleep(0.05)
        await update
        styles = [file for file in statuses if "screen." in file and file.endswith(".css")]
        after = [(await client.get(file)).status_code for file in styles]

    assert len(styles) == 2, "the old file and the new file"
    assert set().union(*statuses.values()) == {200}
    assert after == [200, 200]
    assert stack.containers("nginx") != [nginx]


def test_an_update_with_a_bad_setting_changes_nothing(stack) -> None:
    before = stack.compose("ps", "--quiet")

    with pytest.raises(Failed, match="cashier_q: CASHIER_STUCK_SECONDS: "):
        stack.make("update", CASHIER_STUCK_SECONDS="never")
    assert stack.compose("ps", "--quiet") == before


def test_if_the_new_version_does_not_start_the_old_containers_stay_in_service(stack, replicas) -> None:
    before = replicas(2)
    source = stack.folder / "services/ws/src/cashier_ws/asgi.py"
    good = source.read_text()
    source.write_text(good + '\nraise RuntimeError("broken")\n')

    with pytest.raises(Failed, match="the old containers are still in service"):
        stack.make("update")
    source.write_text(good)
    assert stack.containers("ws") == before
    assert stack.is_healthy()


def test_an_update_replaces_killed_replicas(stack, replicas) -> None:
    docker("kill", *replicas(2))
    stack.make("update")

    assert len(stack.containers("ws")) == 2
    assert stack.is_healthy()
