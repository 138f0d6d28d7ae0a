"""How many connections are let in at once depends on how long the loop takes for them."""

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


def after(port, seconds: float, *, all_taken: bool) -> int:
    """How many are let in after a turn that took so long, and before which that was so."""
    port.adapt(asyncio.get_running_loop().time() - seconds, all_taken)
    return port.accepts


async def test_short_turns_let_in_more_and_more_up_to_a_limit(port, monkeypatch) -> None:
    monkeypatch.setattr("cashier_ws.daphne.listener.ITERATION_SECONDS", 60)
    assert [after(port, 0, all_taken=True) for _ in range(5)] == [8, 16, MOST, MOST, MOST]


async def test_a_port_at_which_nobody_waits_stays_as_it_is(port) -> None:
    assert after(port, 0, all_taken=False) == FEWEST


async def test_long_turns_let_in_fewer_but_always_some(port) -> None:
    port.accepts = MOST

    assert [after(port, 2 * ITERATION_SECONDS, all_taken=True) for _ in range(5)] == [16, 8, FEWEST, FEWEST, FEWEST]


@pytest.mark.parametrize(("came", "lets_in"), [(FEWEST - 1, FEWEST), (FEWEST, 2 * FEWEST), (50, 2 * FEWEST)])
async def test_more_are_let_in_after_as_many_came_as_could(came, lets_in, monkeypatch) -> None:
    """Of a crowd that waits at a real socket."""
    monkeypatch.setattr("cashier_ws.daphne.listener.ITERATION_SECONDS", 60)
    reactor = MemoryReactor()
    port = ScreenPort(0, factory=Factory.forProtocol(Protocol), interface="127.0.0.1", reactor=reactor)
    port.startListening()
    crowd = [socket.create_connection(port.socket.getsockname()) for _ in range(came)]
    port.doRead()
    for _ in range(3):
        await asyncio.sleep(0)
    for each in [*crowd, *(reader.socket for reader in reactor.readers)]:
        each.close()

    assert port.accepts == lets_in
