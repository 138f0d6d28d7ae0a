"""The port: a listening socket that lets a crowd in a few at a time, so that those who are here aren't kept waiting."""

import asyncio
from typing import Any

from twisted.internet import tcp

from cashier_ws.daphne.handshake import EntranceFactory

MOST, FEWEST = 32, 4
"""Connections accepted in one turn of the loop. Twisted's 100 and more make turns of half a second in a storm, and a
call that is due waits for three or four of them. Those that aren't let in yet wait in the kernel."""
TURN_SECONDS = 0.02
"""A turn that takes longer lets in half as many next time: 32 are 15 ms of work, but a core may be shared or slow."""


class ScreenPort(tcp.Port):
    """Twisted's, but for how many it accepts."""

    accepts = FEWEST

    def doRead(self) -> None:
        self.numberAccepts = self.accepts
        super().doRead()  # type: ignore[no-untyped-call]
        all_taken = self.numberAccepts > self.accepts  # Twisted raises it when more might have come
        loop = asyncio.get_running_loop()
        # From the end of this turn to the end of the next, in which the handshakes are read that this one let in.
        loop.call_soon(lambda: loop.call_soon(self.turned, loop.time(), all_taken))

    def turned(self, begun: float, all_taken: bool) -> None:
        """A turn that began then is done; before it came as many as were let in, or fewer."""
        if asyncio.get_running_loop().time() - begun > TURN_SECONDS:
            self.accepts = max(self.accepts // 2, FEWEST)
        elif all_taken:
            self.accepts = min(self.accepts * 2, MOST)


def open_to_screens(port: Any, server: Any) -> None:
    """Make a port that listens already one of ours; neither Twisted's endpoints nor Daphne let it be chosen."""
    if type(port) is tcp.Port:
        port.__class__ = ScreenPort
        port.factory = EntranceFactory(server)
