"""A clone that was made with a strict umask starts: containers can read all files that they need.

The users of the containers do not own the files of the clone, and are in none of its groups.
"""

import subprocess
from collections.abc import Iterator

import httpx
import pytest

from loadtests.clients.till import Till
from tests.support.compose_load import opened
from tests.support.compose_stack import Stack, docker

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=[0o077, 0o027], ids=["umask 077", "umask 027"])
def strict(request, tmp_path_factory) -> Iterator[Stack]:
    """Clone and start a stack with a strict umask."""
    settings = {"CASHIER_OPEN_BUTTONS": "true", "CASHIER_OPEN_SCREENS": "true"}
    stack = Stack(tmp_path_factory.mktemp("strict"), umask=request.param, **settings)
    stack.clone()
    stack.commit()
    assert (stack.folder / "README.md").stat().st_mode & request.param == 0
    try:
        stack.make("up")
        yield stack
    finally:
        stack.clear()


async def test_a_clone_with_a_strict_umask_starts_and_shows_a_press(strict) -> None:
    async with Till(strict.url) as till, opened(strict.url, await till.websocket_path(), 2) as screens:
        assert (await till.press(4)).status_code == 204
        for screen in screens:
            await screen.until(3, 10)
    assert strict.is_healthy()


def test_static_files_are_served(strict) -> None:
    script = httpx.get(f"{strict.url}/").text.split('src="')[1].split('"')[0]

    assert httpx.get(strict.url + script).status_code == 200


@pytest.mark.parametrize("folder", ["monitoring", "database"])
def test_any_user_of_a_container_can_read_the_mounted_files(folder, strict) -> None:
    mount = f"{strict.compose_folder / folder}:/mounted:ro"
    image = f"{strict.project}-web"
    unreadable = docker(
        "run", "--rm", "--user=65534:65534", f"--volume={mount}", image, "find", "/mounted", "!", "-readable"
    )

    assert unreadable == ""


def test_git_sees_no_changes_after_make_up(strict) -> None:
    status = subprocess.check_output(["git", "status", "--porcelain"], cwd=strict.folder, text=True)

    assert status == ""
