"""A listening port accepts several connections at once. It accepts fewer if the event loop's iterations take long."""

import asyncio
import socket

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor

from cashier_ws.daphne.listener import FEWEST, ITERATION_SECONDS, MOST, ScreenPort

pytestmark = pytest.mark.anyio


@pytest.fixture
def port():
    return ScreenPort(0, factory=None)


def accepts_after(port, seconds: float, *, all_taken: bool) -> int:
    """Return how many connections the port accepts at once after an event loop iteration that took `seconds`.

    all_taken: whether as many connections were accepted as allowed. In this case more connections may be waiting.
    """
    port.adapt(asyncio.get_running_loop().time() - seconds, all_taken)
    return port.accepts


async def test_after_short_iterations_more_connections_are_accepted_up_to_a_limit(port, monkeypatch) -> None:
    monkeypatch.setattr("cashier_ws.daphne.listener.ITERATION_SECONDS", 60)
    assert [accepts_after(port, 0, all_taken=True) for _ in range(5)] == [8, 16, MOST, MOST, MOST]


async def test_without_waiting_connections_the_number_does_not_change(port) -> None:
    assert accepts_after(port, 0, all_taken=False) == FEWEST


async def test_after_long_iterations_fewer_connections_are_accepted_but_always_some(port) -> None:
    port.accepts = MOST

    numbers = [accepts_after(port, 2 * ITERATION_SECONDS, all_taken=True) for _ in range(5)]
    assert numbers == [16, 8, FEWEST, FEWEST, FEWEST]


@pytest.mark.parametrize(("connections", "accepts"), [(FEWEST - 1, FEWEST), (FEWEST, 2 * FEWEST), (50, 2 * FEWEST)])
async def test_the_number_rises_if_as_many_connections_came_as_were_allowed(connections, accepts, monkeypatch) -> None:
    """Open real connections, so that the port itself calls `adapt`, which changes the number that it accepts at once.

    The other tests of this file call `adapt` directly.
    """
    monkeypatch.setattr("cashier_ws.daphne.listener.ITERATION_SECONDS", 60)
    reactor = MemoryReactor()
    port = ScreenPort(0, factory=Factory.forProtocol(Protocol), interface="127.0.0.1", reactor=reactor)
    port.startListening()
    clients = [socket.create_connection(port.socket.getsockname()) for _ in range(connections)]
    port.doRead()
    for _ in range(3):
        await asyncio.sleep(0)
    for each in [*clients, *(reader.socket for reader in reactor.readers)]:
        each.close()

    assert port.accepts == accepts
