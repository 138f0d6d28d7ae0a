"""Under load, `make update` runs or a replica is stopped. No call is lost, and screens are told to reconnect."""

import asyncio
import re

import httpx
import pytest

from tests.support.compose_load import Load, verify_nothing_was_lost
from tests.support.compose_stack import Failed, docker, fake_docker

pytestmark = pytest.mark.anyio
DRAIN_SECONDS = 3.0


def spread_of_closes(load: Load) -> float:
    """Return the seconds between the first and the last time that the server closed a connection."""
    closed = [each.closed for screen in load.screens for each in screen.connections if each.code]
    return max(closed) - min(closed)


async def test_a_stopped_replica_closes_its_screens_with_1012_over_the_drain_time(stack, stores, replicas) -> None:
    stopped, _other = replicas(2)
    async with Load(stack.url, stores) as load:
        await asyncio.sleep(2)
        await asyncio.to_thread(docker, "stop", stopped)
    print(load.costs())

    verify_nothing_was_lost(load)
    assert DRAIN_SECONDS / 2 < spread_of_closes(load) < DRAIN_SECONDS + 1.5
    stack.reconcile()


async def test_an_update_loses_no_press_and_no_call_and_pages_always_find_their_static_files(
    stack, stores, replicas
) -> None:
    """The new version has a new style sheet, and changes in the code of web and ws."""
    replicas(2)
    old = {service: stack.containers(service) for service in ("web", "press", "tasks", "ws", "nginx")}
    for file, change in {
        "services/web/src/cashier_web/calls/receipts.py": "# A new version.",
        "services/ws/src/cashier_ws/health.py": "# A new version.",
        "services/web/src/cashier_web/static/cashier_web/screen/screen.css": "/* A new version. */",
    }.items():
        path = stack.folder / file
        path.write_text(f"{path.read_text()}\n{change}\n")
    async with Load(stack.url, stores) as load, httpx.AsyncClient(base_url=stack.url) as client:
        update = asyncio.create_task(asyncio.to_thread(stack.make, "update"))
        statuses = await statuses_of_static_files(client, until=update)
        output = await update
        styles = [file for file in statuses if "screen." in file and file.endswith(".css")]
        after = [(await client.get(file)).status_code for file in styles]
    print(load.costs())

    verify_nothing_was_lost(load)
    assert len(styles) == 2, "the old file and the new file"
    assert set().union(*statuses.values()) == {200}
    assert after == [200, 200]
    for service in ("web", "press", "tasks", "ws"):
        assert len(stack.containers(service)) == len(old[service])
        assert set(stack.containers(service)).isdisjoint(old[service])
    assert stack.containers("nginx") == old["nginx"]
    assert "nginx: the configuration is unchanged" in output

    updated = set(stack.compose("ps", "--quiet").split())
    await asyncio.to_thread(stack.make, "up")
    assert set(stack.compose("ps", "--quiet").split()) == updated


async def statuses_of_static_files(client: httpx.AsyncClient, until: asyncio.Task) -> dict[str, set[int]]:
    """Load a page and its static files again and again until the given task ends. Return the statuses of each file."""
    statuses: dict[str, set[int]] = {}
    while not until.done():
        page = await client.get("/")
        for file in re.findall(r'"(/static/[^"]+)"', page.text):
            statuses.setdefault(file, set()).add((await client.get(file)).status_code)
        await asyncio.sleep(0.05)  # Requests without a pause would take CPU time from the update.
    return statuses


def test_nginx_uses_a_new_configuration_without_a_restart(stack) -> None:
    before = stack.started()
    snippet = stack.folder / "deploy/nginx/snippets/page.conf"
    good = snippet.read_text()
    snippet.write_text(good + 'add_header X-Version "new";\n')
    assert "nginx: uses the new configuration" in stack.make("up")
    assert httpx.get(f"{stack.url}/cashier_buttons").headers["X-Version"] == "new"
    snippet.write_text(good + "add_header;\n")

    with pytest.raises(Failed, match="Nginx rejects it"):
        stack.make("up")
    assert httpx.get(f"{stack.url}/cashier_buttons").headers["X-Version"] == "new"
    snippet.write_text(good)
    stack.make("up")
    assert "X-Version" not in httpx.get(f"{stack.url}/cashier_buttons").headers
    assert stack.started() == before


def test_nginx_is_restarted_if_it_cannot_use_a_new_configuration_after_a_reload(stack) -> None:
    (nginx,) = stack.containers("nginx")
    before = stack.inspect(nginx)["State"]["StartedAt"]
    configuration = stack.folder / "deploy/nginx/nginx.conf"
    good = configuration.read_text()
    # Nginx cannot change the key of a limit while it runs.
    changed = good.replace("limit_req_zone $client zone=api:", "limit_req_zone $uri zone=api:")
    assert changed != good
    for content in (changed, good):
        configuration.write_text(content)
        assert "nginx: restarted" in stack.make("up")
        assert stack.containers("nginx") == [nginx]
        assert stack.inspect(nginx)["State"]["StartedAt"] > before
        before = stack.inspect(nginx)["State"]["StartedAt"]
        assert docker("exec", nginx, "cat", "/srv/nginx/nginx.conf") == content
    assert stack.is_healthy()


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


def test_an_update_that_is_interrupted_while_an_old_container_stops_leaves_the_new_one(stack, tmp_path) -> None:
    """The connection over SSH is lost as soon as the first old container, which belongs to web, has stopped."""
    (old,) = stack.containers("web")
    path = fake_docker(tmp_path, 'if [ "$1" = stop ]; then "$real" "$@"; kill -HUP "$PPID"; fi')
    with pytest.raises(Failed):
        stack.run("./replace-containers", PATH=path)

    (new,) = stack.containers("web")
    assert new != old
    assert stack.inspect(new)["State"]["Health"]["Status"] == "healthy"
    # Compose may keep either of the two containers. The images may be those of a broken version, which another test has
    # built.
    stack.make("up")
    assert len(stack.containers("web")) == 1
    assert stack.is_healthy()


def test_an_update_replaces_killed_replicas_and_an_nginx_whose_settings_have_changed(stack, replicas) -> None:
    before = stack.containers("nginx")
    docker("kill", *replicas(2))
    output = stack.make("update", CASHIER_TRUSTED_PROXIES="192.0.2.7")

    assert len(stack.containers("ws")) == 2
    assert "nginx: replaced" in output
    assert len(stack.containers("nginx")) == 1
    assert stack.containers("nginx") != before
    assert stack.is_healthy()
    # Later updates know that the new container has the current settings.
    snippet = stack.folder / "deploy/nginx/snippets/page.conf"
    good = snippet.read_text()
    snippet.write_text(good + 'add_header X-Version "new";\n')
    replaced = stack.containers("nginx")
    assert "nginx: uses the new configuration" in stack.make("update", CASHIER_TRUSTED_PROXIES="192.0.2.7")
    assert httpx.get(f"{stack.url}/cashier_buttons").headers["X-Version"] == "new"
    assert stack.containers("nginx") == replaced
    snippet.write_text(good)
    stack.make("up")
