"""A release is installed on a host without a build environment: from the archive, and from a registry."""

import os

import pytest

from loadtests.clients.till import Till
from tests.release.versions import RELEASED, archive_of
from tests.support.compose_load import opened
from tests.support.compose_stack import Failed, Stack, docker

pytestmark = pytest.mark.anyio
OPEN = {"CASHIER_OPEN_BUTTONS": "true", "CASHIER_OPEN_SCREENS": "true"}


async def verify_a_press_is_shown(url: str) -> None:
    async with Till(url) as till, opened(url, await till.websocket_path(), 4) as screens:
        assert (await till.press(4)).status_code == 204
        for screen in screens:
            await screen.until(3, 10)
        assert [[paint.till for paint in screen.painted] for screen in screens] == [[0, 4, 0]] * 4


@pytest.mark.skipif("EMPTY_ENGINE" not in os.environ, reason="EMPTY_ENGINE= and EMPTY_ENGINE_ADDRESS= are not set")
async def test_the_archive_starts_on_an_engine_without_images_and_without_network(release, tmp_path) -> None:
    """EMPTY_ENGINE is the DOCKER_HOST of a second engine, and EMPTY_ENGINE_ADDRESS the address of its ports."""
    address = os.environ["EMPTY_ENGINE_ADDRESS"]
    stack = Stack(tmp_path, address, DOCKER_HOST=os.environ["EMPTY_ENGINE"], CASHIER_HOSTS=address, **OPEN)
    stack.unpack(archive_of(release))
    try:
        stack.make("up")
        await verify_a_press_is_shown(stack.url)
        assert stack.make("backup").strip().endswith(".dump")
        assert f"web {stack.containers('web')[0][:12]} {RELEASED} " in stack.make("versions")
    finally:
        stack.clear()


def test_a_damaged_archive_is_refused(release, tmp_path) -> None:
    stack = Stack(tmp_path)
    stack.unpack(archive_of(release))
    with (stack.folder / "images.tar.gz").open("r+b") as file:
        file.truncate(1_000_000)

    with pytest.raises(Failed, match=r"images\.tar\.gz: FAILED"):
        stack.make("up")
    assert stack.states() == set()


def running_images(stack: Stack) -> dict[str, str]:
    """Return the id of the image that each service runs."""
    return {
        service: stack.inspect(container)["Image"]
        for service in ("nginx", "web", "press", "tasks", "ws", "redis", "db")
        for container in stack.containers(service)
    }


def move_tag(registry: str, image: str, other: str) -> None:
    """Make a tag in the registry name another image, and remove the tag's image from this machine's names."""
    docker("tag", other, f"{registry}/{image}")
    docker("push", f"{registry}/{image}")
    docker("rmi", f"{registry}/{image}")


async def test_images_from_a_registry_stay_the_same_if_they_are_pinned_and_a_tag_is_moved(
    release, registry, tmp_path
) -> None:
    """The archive is unpacked with umask 077 and without the option -p of tar."""
    stack = Stack(tmp_path, umask=0o077, **OPEN)
    stack.unpack(archive_of(release))
    (stack.folder / "images.tar.gz").unlink()  # to prove that the images come from the registry
    settings = stack.compose_folder / ".env"
    settings.write_text((stack.compose_folder / ".env.example").read_text() + f'CASHIER_REGISTRY="{registry}"\n')
    try:
        pinned = stack.make("pin")
        assert f"CASHIER_WEB_IMAGE={registry}/cashier_q-web:{RELEASED}@sha256:" in pinned
        assert f"CASHIER_NGINX_IMAGE={registry}/nginx:" in pinned
        stack.make("up")
        await verify_a_press_is_shown(stack.url)
        before = running_images(stack)

        ws = docker("image", "inspect", "--format", "{{.Id}}", f"cashier_q-ws:{RELEASED}").strip()
        nginx_tag = next(line for line in pinned.splitlines() if "CASHIER_NGINX_IMAGE" in line)
        nginx_tag = nginx_tag.partition("/")[2].partition("@")[0]
        move_tag(registry, f"cashier_q-web:{RELEASED}", ws)
        move_tag(registry, nginx_tag, ws)
        containers = stack.compose("ps", "--quiet")
        stack.make("down")
        docker("rmi", f"{stack.project}-web", f"{stack.project}-web:current")
        stack.make("up")
        assert stack.compose("ps", "--quiet") != containers
        assert running_images(stack) == before
        await verify_a_press_is_shown(stack.url)

        # If a digest belongs to another version, the version must not start silently.
        digests = stack.compose_folder / "digests.env"
        digests.write_text(digests.read_text().replace(f"-web:{RELEASED}@", "-web:0.0.9@"))
        with pytest.raises(Failed, match=r"but this version uses .*\. Run `make pin`"):
            stack.make("up")
    finally:
        stack.clear()
