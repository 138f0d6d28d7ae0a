"""The fixtures of this folder's tests: a registry for images, and a release that `make release` makes in a clone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cashier_core import __version__
from cashier_local.ports import free_port
from tests.release.versions import RELEASED
from tests.support.compose_stack import Stack, docker, require_engine


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    require_engine()


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    """Run an empty registry for images on this machine, and return its address."""
    address = f"localhost:{free_port()}"
    container = docker("run", "--detach", "--publish", f"127.0.0.1:{address.partition(':')[2]}:5000", "registry:2")
    try:
        yield address
    finally:
        docker("rm", "--force", "--volumes", container.strip())


def make_releasable(clone: Stack) -> None:
    """Give the clone the version RELEASED, and the changelog an entry about this version, and commit both."""
    package = clone.folder / "services/core/src/cashier_core/__init__.py"
    package.write_text(package.read_text().replace(f'"{__version__}"', f'"{RELEASED}"'))
    changelog = clone.folder / "CHANGELOG.md"
    changelog.write_text(
        f"# Changelog\n\n## {RELEASED} (2026-11-29)\n\nThe newest version.\n\n## 0.0.9 (2026-01-01)\n\nOld.\n"
    )
    clone.commit()


@pytest.fixture(scope="session")
def release(tmp_path_factory, registry) -> Iterator[Path]:
    """Run `make release` in a clean clone, which also pushes the images, and yield the folder with its files.

    A session makes only one release, because this takes more than a minute.
    """
    clone = Stack(tmp_path_factory.mktemp("release"))
    clone.clone()
    make_releasable(clone)
    try:
        clone.make("release", f"VERSION={RELEASED}", CASHIER_REGISTRY=registry)
        yield clone.folder / "dist"
    finally:
        listed = docker("image", "ls", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}").splitlines()
        for repository, tag, digest in map(str.split, listed):
            if repository.startswith(registry) or tag == RELEASED:
                docker("rmi", f"{repository}@{digest}" if tag == "<none>" else f"{repository}:{tag}")
