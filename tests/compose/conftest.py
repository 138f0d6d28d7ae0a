"""One stack for all tests that leave it as they find it, and stores to press in."""

import shutil
from collections.abc import Iterator

import pytest

from tests.support.compose_stack import Failed, Stack, docker

STORES = 100


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Fails, and skips nothing, where no Docker engine answers: a deployment can't be tested without one."""
    if not shutil.which("docker"):
        pytest.fail("docker is not installed")
    try:
        docker("info")
        docker("compose", "version")
    except Failed as fault:
        pytest.fail(str(fault))


@pytest.fixture(scope="session")
def stack(tmp_path_factory) -> Iterator[Stack]:
    """`make up` in a fresh clone; its output is `stack.told`, what it led to `stack.led_to`."""
    stack = Stack(tmp_path_factory.mktemp("stack"), CASHIER_OPEN_BUTTONS="true", CASHIER_OPEN_SCREENS="true")
    stack.clone()
    try:
        stack.told, stack.led_to = stack.make("up"), stack.states()
        yield stack
    finally:
        stack.clear()


@pytest.fixture(scope="session")
def stores(stack) -> list[str]:
    """Slugs of 100 stores."""
    slugs = [f"shop-{number}" for number in range(1, STORES + 1)]
    stack.manage(
        "from cashier_web.models import Store\n"
        f"Store.objects.bulk_create([Store(slug=slug, name=slug) for slug in {slugs}])"
    )
    return slugs


@pytest.fixture
def replicas(stack):
    """`replicas(4)`: that many of ws, now and until something asks for another number."""

    def replicas(count: int) -> list[str]:
        if len(stack.containers("ws")) != count:
            stack.make("scale", f"WS={count}")
        return stack.containers("ws")

    return replicas
