"""A listening socket that accepts a crowd of screens a few at a time, so that connected screens need not wait.

Internals used: the class of a port that is already listening is replaced, because Daphne creates its ports from
endpoint descriptions, and Twisted's `tcp:` endpoint has no option for the class of the port. (Twisted's plugins for
other kinds of endpoints must be modules of the package `twisted.plugins`, outside of this one.) And `tcp.Port.doRead`
reads `numberAccepts`, the number of connections to accept at once, and raises it if more may be waiting.
"""

import asyncio
from typing import Any

from twisted.internet import tcp

from cashier_ws.daphne.handshake import FirstBytesFactory

MOST, FEWEST = 32, 4
"""Connections that are accepted in one iteration of the event loop. Twisted's default of 100 and more makes iterations
of half a second when a crowd connects, and a due call waits for three or four of them. Connections that are not
accepted yet wait in the kernel."""
ITERATION_SECONDS = 0.02
"""After an iteration that takes longer than this, half as many connections are accepted. 32 connections take 15 ms, but
a core may be shared with other processes, or slow: there, 32 took 60 ms and more."""


class ScreenPort(tcp.Port):
    """Twisted's port, with a number of accepted connections that adapts to the duration of the loop's iterations."""

    accepts = FEWEST

    def doRead(self) -> None:
        self.numberAccepts = self.accepts
        super().doRead()  # type: ignore[no-untyped-call]
        all_taken = self.numberAccepts > self.accepts  # Twisted has raised it, because more may be waiting
        loop = asyncio.get_running_loop()
        # The inner callback runs at the end of the next iteration, in which the handshakes of these connections are
        # read.
        loop.call_soon(lambda: loop.call_soon(self.adapt, loop.time(), all_taken))

    def adapt(self, begun: float, all_taken: bool) -> None:
        """Called when the event loop iteration that began at `begun` has ended.

        all_taken: as many connections were accepted as was allowed, so more may be waiting.
        """
        if asyncio.get_running_loop().time() - begun > ITERATION_SECONDS:
            self.accepts = max(self.accepts // 2, FEWEST)
        elif all_taken:
            self.accepts = min(self.accepts * 2, MOST)


def adopt_port(port: Any, server: Any) -> None:
    """Turn a listening TCP port of Twisted's into a ScreenPort. Other ports (Unix sockets) stay as they are."""
    if type(port) is tcp.Port:
        port.__class__ = ScreenPort
        port.factory = FirstBytesFactory(server)
