"""The fixtures of this folder's tests: a compose stack, 100 stores, and a function that sets the number of ws replicas.

All tests share one stack. Therefore, when a test ends, the stack is healthy again and has its original settings.
"""

from collections.abc import Iterator

import pytest

from tests.support.compose_stack import Stack, require_engine

STORES = 100


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    require_engine()


@pytest.fixture(scope="session")
def stack(tmp_path_factory) -> Iterator[Stack]:
    """Start a stack with `make up` in a fresh clone, and remove the stack after the last test.

    `stack.up_output` is the output of `make up`. `stack.first_states` are the states of the containers after `make up`.
    """
    stack = Stack(tmp_path_factory.mktemp("stack"), CASHIER_OPEN_BUTTONS="true", CASHIER_OPEN_SCREENS="true")
    stack.clone()
    try:
        stack.up_output, stack.first_states = stack.make("up"), stack.states()
        yield stack
    finally:
        stack.clear()


@pytest.fixture(scope="session")
def stores(stack) -> list[str]:
    """Create 100 stores and return their slugs."""
    slugs = [f"shop-{number}" for number in range(1, STORES + 1)]
    stack.manage(
        "from cashier_web.models import Store\n"
        f"Store.objects.bulk_create([Store(slug=slug, name=slug) for slug in {slugs}])"
    )
    return slugs


@pytest.fixture
def replicas(stack):
    """Return a function: `replicas(4)` runs four ws replicas and returns the ids of their containers.

    The number of replicas stays the same until another test changes it.
    """

    def replicas(count: int) -> list[str]:
        if len(stack.containers("ws")) != count:
            stack.make("scale", f"WS={count}")
        return stack.containers("ws")

    return replicas
