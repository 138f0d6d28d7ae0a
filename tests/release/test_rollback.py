"""Under load, `make update` installs a version with a new page and a new column, and `make rollback` removes it again.

No press and no call is lost, and everything in the database and the media is still there.
"""

import asyncio
import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from cashier_local.ports import wait_until
from tests.support.compose_load import Load, verify_nothing_was_lost
from tests.support.compose_media import Manager, photo
from tests.support.compose_stack import Failed, Stack

pytestmark = pytest.mark.anyio
STORES = [f"shop-{number}" for number in range(100)]
WEB = "services/web/src/cashier_web"
MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cashier_web", "{latest}")]
    operations = [migrations.AddField("store", "{field}", models.CharField(max_length=40, db_default=""))]
"""

NEEDS_VERSION = """    operations += [
        migrations.RunSQL("INSERT INTO cashier_web_oldestversion (version) VALUES ('VERSION')")
    ]
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[Stack]:
    """Start a stack from a clone of this repository, with 100 stores."""
    stack = Stack(tmp_path_factory.mktemp("stack"), CASHIER_OPEN_BUTTONS="true", CASHIER_OPEN_SCREENS="true")
    stack.clone()
    try:
        stack.make("up")
        stack.manage(
            "from cashier_web.models import Store\n"
            f"Store.objects.bulk_create([Store(slug=slug, name=slug) for slug in {STORES}])"
        )
        yield stack
    finally:
        stack.clear()


@pytest.fixture
def manager(stack) -> Iterator[Manager]:
    with Manager(stack, "kept-shop") as manager:
        yield manager


def add_migration(stack: Stack, field: str, *, oldest_version: str = "") -> None:
    """Give the code in the stack's folder a migration that adds a field to the stores."""
    folder = stack.folder / WEB / "migrations"
    latest = max(path.stem for path in folder.glob("0*.py"))
    text = MIGRATION.format(latest=latest, field=field)
    if oldest_version:
        text += NEEDS_VERSION.replace("VERSION", oldest_version)
    (folder / f"{int(latest[:4]) + 1:04}_{field}.py").write_text(text)
    model = stack.folder / WEB / "models/stores.py"
    lines = model.read_text().split("\n")
    first = next(number for number, line in enumerate(lines) if "name = models.CharField" in line)
    lines.insert(first, f'    {field} = models.CharField(max_length=40, db_default="")')
    model.write_text("\n".join(lines))


def buttons_page(stack: Stack, slug: str = STORES[0]) -> str:
    """Return the page with the buttons of a store."""
    return httpx.get(f"{stack.url}/s/{slug}/cashier_buttons").raise_for_status().text


def columns(stack: Stack) -> str:
    return stack.compose("exec", "-T", "db", "psql", "-U", "cashier", "cashier_q", "-c", "\\d cashier_web_store")


async def run_under_load(stack: Stack, target: str) -> str:
    """Run the make target while screens are connected and tills press. Check that nothing was lost."""
    async with Load(stack.url, STORES) as load:
        output = await asyncio.to_thread(stack.make, target)
    print(f"make {target}: {load.costs()}")
    verify_nothing_was_lost(load)
    return output


async def test_an_update_with_a_migration_and_its_rollback_lose_nothing(stack, manager) -> None:
    with pytest.raises(Failed, match="there is no earlier version"):
        stack.make("rollback")
    picture = manager.upload(photo())
    content = manager.client.get(picture).content
    old = {service: stack.containers(service) for service in ("nginx", "web", "press", "tasks", "ws", "redis", "db")}
    style = stack.folder / WEB / "static/cashier_web/screen/screen.css"
    style.write_text(f"{style.read_text()}\n/* A new version. */\n")
    page = stack.folder / WEB / "templates/cashier_web/base.html"
    page.write_text(f"{page.read_text()}<!-- A new version. -->")
    add_migration(stack, "nickname")

    await run_under_load(stack, "update")
    new = {service: stack.containers(service) for service in old}
    assert {service for service in old if set(old[service]).isdisjoint(new[service])} == {
        "web",
        "press",
        "tasks",
        "ws",
    }
    assert "A new version." in buttons_page(stack)
    assert "nickname" in columns(stack)
    assert manager.pictures() == [picture]
    stack.manage("from cashier_web.models import Store; Store.objects.create(slug='newer', nickname='N')")

    output = await run_under_load(stack, "rollback")
    assert "is running again" in output
    assert "A new version." not in buttons_page(stack)
    assert "nickname" in columns(stack)
    assert buttons_page(stack, "newer")
    assert manager.pictures() == [picture]
    assert manager.client.get(picture).content == content
    another = manager.upload(photo())
    assert manager.pictures() == [picture, another]
    stack.manage("from cashier_web.models import Store; Store.objects.create(slug='older')")

    # Until the next update, `make up` and `make scale` keep the earlier version.
    before = stack.started()
    stack.make("up")
    assert stack.started() == before
    stack.make("scale", "WS=3")
    assert len({stack.inspect(container)["Image"] for container in stack.containers("ws")}) == 1

    stack.make("rollback")
    assert "A new version." in buttons_page(stack), "a second rollback returns to the later version"


async def test_after_a_failed_update_a_rollback_restores_the_containers_that_were_replaced(stack) -> None:
    source = stack.folder / "services/ws/src/cashier_ws/asgi.py"
    good = source.read_text()
    source.write_text(good + '\nraise RuntimeError("broken")\n')
    base = stack.folder / WEB / "templates/cashier_web/base.html"
    page = base.read_text()
    base.write_text(f"{page}<!-- A failed version. -->")

    with pytest.raises(Failed, match="the old containers are still in service"):
        stack.make("update")
    assert "A failed version." in buttons_page(stack)
    stack.make("rollback")
    assert "A failed version." not in buttons_page(stack)
    assert stack.is_healthy()
    source.write_text(good)
    base.write_text(page)


async def test_a_rollback_that_was_interrupted_is_continued(stack) -> None:
    base = stack.folder / WEB / "templates/cashier_web/base.html"
    page = base.read_text()
    base.write_text(f"{page}<!-- A bad version. -->")
    stack.make("update")
    web, ws = stack.containers("web"), stack.containers("ws")
    process = stack.start_make("rollback")
    try:
        wait_until(lambda: stack.containers("web") != web, 60, "the rollback has replaced web")
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
        process.wait(60)
    assert set(stack.containers("ws")) & set(ws), "the rollback was not complete"

    stack.make("rollback")
    assert "A bad version." not in buttons_page(stack)
    assert set(stack.containers("ws")).isdisjoint(ws)
    assert stack.is_healthy()
    base.write_text(page)


async def test_a_rollback_is_refused_if_the_earlier_version_does_not_work_with_the_tables(stack) -> None:
    add_migration(stack, "motto", oldest_version="9.0.0")
    stack.make("update")
    before = stack.started()

    with pytest.raises(Failed, match=r"does not work with the database, which needs version 9\.0\.0 or newer"):
        stack.make("rollback")
    assert stack.started() == before
    assert stack.is_healthy()
