"""The port: a listening socket that lets a crowd in a few at a time, so that those who are here aren't kept waiting."""

import asyncio
from typing import Any

from twisted.internet import tcp

from cashier_ws.entrance import EntranceFactory

MOST, FEWEST = 32, 4
"""Connections accepted in one turn of the loop. Twisted's 100 and more make turns of half a second in a storm, and a
call that is due waits for three or four of them. Those that aren't let in yet wait in the kernel."""
TURN_SECONDS = 0.02
"""A turn that takes longer lets in half as many next time: 32 are 15 ms of work, but a core may be shared or slow."""


class ScreenPort(tcp.Port):
    """Twisted's, but for how many it accepts."""

    accepts = FEWEST

    def doRead(self) -> None:
        self.numberAccepts = self.accepts  # Twisted raises it whenever more would have come
        super().doRead()  # type: ignore[no-untyped-call]
        loop = asyncio.get_running_loop()
        loop.call_soon(self.turned, loop.time())

    def turned(self, begun: float) -> None:
        """All that was due in the turn that began then is done."""
        too_long = asyncio.get_running_loop().time() - begun > TURN_SECONDS
        self.accepts = max(self.accepts // 2, FEWEST) if too_long else min(self.accepts * 2, MOST)


def open_to_screens(port: Any, server: Any) -> None:
    """Make a port that listens already one of ours; neither Twisted's endpoints nor Daphne let it be chosen."""
    if type(port) is tcp.Port:
        port.__class__ = ScreenPort
        port.factory = EntranceFactory(server)
