"""How many connections are let in at once depends on how long the loop takes for them."""

import asyncio

import pytest

from cashier_ws.port import FEWEST, MOST, TURN_SECONDS, ScreenPort

pytestmark = pytest.mark.anyio


@pytest.fixture
def port():
    return ScreenPort(0, factory=None)


async def test_short_turns_let_in_more_and_more_up_to_a_limit(port) -> None:
    for _ in range(10):
        port.turned(asyncio.get_running_loop().time())

    assert port.accepts == MOST


async def test_long_turns_let_in_fewer_but_always_some(port) -> None:
    port.accepts = MOST
    port.turned(asyncio.get_running_loop().time() - 2 * TURN_SECONDS)
    assert port.accepts == MOST // 2
    for _ in range(10):
        port.turned(asyncio.get_running_loop().time() - 2 * TURN_SECONDS)

    assert port.accepts == FEWEST
