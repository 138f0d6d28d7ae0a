"""The previous release works with the newest tables, and an update from the previous release keeps everything.

During an update, after the migrations, and after a rollback, the code of the previous release uses the newest tables.
"""

import subprocess
from collections.abc import Iterator

import pytest

from cashier_local.ports import free_port, wait_until
from loadtests.clients.till import Till
from tests.release.versions import PREVIOUS_COMMIT, PREVIOUS_VERSION
from tests.support.compose_load import opened
from tests.support.compose_media import Manager, photo
from tests.support.compose_stack import ROOT, Stack

pytestmark = pytest.mark.anyio
STORE = "older-code"
PAGES = ["", "cashier_buttons", "till", "screens", "devices", "people", "history", "media"]
ADMIN_PAGES = ["", "cashier_web/store/", "cashier_web/store/add/", "auth/user/", "auth/user/add/"]


def git(stack: Stack, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=stack.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[Stack]:
    """Start the previous release, and then change its tables with the migrations of this repository.

    In the folder of the stack, the branch `newest` contains the code of this repository, also if it is not committed.
    """
    shallow = subprocess.check_output(["git", "rev-parse", "--is-shallow-repository"], cwd=ROOT, text=True).strip()
    if shallow == "true":
        pytest.skip("a shallow clone does not contain the commit of the previous release")
    stack = Stack(tmp_path_factory.mktemp("previous"), CASHIER_OPEN_BUTTONS="true", CASHIER_OPEN_SCREENS="true")
    stack.clone()
    stack.commit()
    git(stack, "branch", "newest")
    git(stack, "checkout", "--detach", PREVIOUS_COMMIT)
    try:
        stack.make("up")
        git(stack, "checkout", "newest")
        # `make update` begins with this script, which creates the secrets that are new.
        subprocess.run([stack.compose_folder / "create-env-and-secrets"], env=stack.environment, check=True)
        stack.compose("build", "--quiet", "web")
        stack.compose("run", "--rm", "--no-deps", "-T", "migrate")
        git(stack, "checkout", "--detach", PREVIOUS_COMMIT)
        # The container still uses the image of the previous release. It starts again with the newest tables.
        stack.compose("restart", "web")
        stack.compose("up", "--detach", "--no-recreate", "--wait", "web")
        yield stack
    finally:
        stack.clear()


@pytest.fixture(scope="module")
def manager(stack) -> Iterator[Manager]:
    with Manager(stack, STORE) as manager:
        yield manager


@pytest.fixture(scope="module")
def picture(manager) -> tuple[str, bytes]:
    """Upload a picture with the code of the previous release. Return its path and its content."""
    path = manager.upload(photo())
    return path, manager.client.get(path).content


async def verify_a_press_is_shown(stack: Stack) -> None:
    async with (
        Till(stack.url, STORE) as till,
        opened(stack.url, await till.websocket_path(), 2) as screens,
    ):
        assert (await till.press(4)).status_code == 204
        for screen in screens:
            await screen.until(3, 10)
        assert [[paint.till for paint in screen.painted] for screen in screens] == [[0, 4, 0]] * 2


async def test_the_previous_release_works_with_the_newest_tables(stack, manager, picture) -> None:
    assert f"web {stack.containers('web')[0][:12]} {PREVIOUS_VERSION} " in stack.make("versions")
    assert manager.pictures() == [picture[0]]
    stack.manage(
        f"from django.contrib.auth.models import User; User.objects.filter(username='anna-of-{STORE}')"
        ".update(is_superuser=True, is_staff=True)"
    )
    paths = [f"/s/{STORE}/{page}" for page in PAGES] + [f"/admin/{page}" for page in ADMIN_PAGES]
    assert {path: manager.client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
    await verify_a_press_is_shown(stack)


async def test_an_update_from_the_previous_release_keeps_everything(stack, manager, picture) -> None:
    await verify_a_press_is_shown(stack)
    wait_until(lambda: calls_in_the_history(stack) > 0, 30, "the history contains the call")
    calls = calls_in_the_history(stack)
    git(stack, "checkout", "newest")
    stack.make("update")

    assert f" {PREVIOUS_VERSION} " not in stack.make("versions").partition("make rollback")[0]
    assert calls_in_the_history(stack) == calls
    assert manager.pictures() == [picture[0]]
    assert manager.client.get(picture[0]).content == picture[1]
    await verify_a_press_is_shown(stack)


async def test_a_rollback_to_the_previous_release_works_and_make_up_keeps_it(stack, picture, manager) -> None:
    stack.make("rollback")
    assert f" {PREVIOUS_VERSION} " in stack.make("versions")
    assert stack.is_healthy()
    await verify_a_press_is_shown(stack)

    # The test creates the file and the database that a restore leaves behind if it is interrupted before the rollback.
    state = stack.compose_folder / "backups" / "restoring.json"
    state.write_text("{}")
    stack.compose("exec", "-T", "db", "createdb", "--username", "postgres", "cashier_q_before")
    assert "This version cannot keep revoked" in stack.make("up")
    assert not state.exists()
    assert state.with_name("restoring-not-kept.json").exists()
    assert f" {PREVIOUS_VERSION} " in stack.make("versions")
    assert stack.is_healthy()
    assert manager.pictures() == [picture[0]]
    await verify_a_press_is_shown(stack)


async def test_with_https_an_update_and_a_rollback_to_the_previous_release_work(stack) -> None:
    https = {"CASHIER_HTTPS_PORT": str(free_port())}
    stack.make("certs")
    stack.make("up", **https)
    assert f" {PREVIOUS_VERSION} " in stack.make("versions")
    stack.make("update", **https)
    assert f" {PREVIOUS_VERSION} " not in stack.make("versions").partition("make rollback")[0]
    for service in ("web", "press", "tasks"):
        (container,) = stack.containers(service)
        assert "CASHIER_HTTPS=true" in stack.inspect(container)["Config"]["Env"]

    stack.make("rollback", **https)
    assert f" {PREVIOUS_VERSION} " in stack.make("versions")
    assert stack.is_healthy()


def calls_in_the_history(stack: Stack) -> int:
    return int(stack.manage("from cashier_web.models import PastCall; print(PastCall.objects.count())").split()[-1])
