"""Limits how many connections are accepted at once, so that calls are painted on time while many screens connect.

A port in Twisted is a listening socket. This module uses two internals of Twisted:

- This module replaces the class of a port after the port was opened. Daphne opens a port by a text such as
  `tcp:port=9000`, and this text cannot choose the class. A plugin of Twisted could choose the class, but each plugin
  must be a module of the package `twisted.plugins`.
- This module sets the attribute `numberAccepts` of a port. `tcp.Port.doRead` accepts this number of connections, and
  increases the number if more connections may be waiting.
"""

import asyncio
from typing import Any

from twisted.internet import tcp

from cashier_ws.daphne.handshake import FirstBytesFactory

MOST, FEWEST = 32, 4
"""The largest and the smallest number of connections that are accepted in one iteration of the event loop.

By default, Twisted accepts 100 or more. When many screens connect at once, an iteration then takes half a second, and a
call that is due waits for three or four iterations. Connections that are not accepted yet wait in the kernel.
"""
ITERATION_SECONDS = 0.02
"""If an iteration takes more than this many seconds, the port halves the number of connections it accepts at once.

32 connections usually take 15 ms. On a core that is slow, or shared with other processes, they took 60 ms and more.
"""


class ScreenPort(tcp.Port):
    """A port that adapts how many connections it accepts at once, so that the event loop's iterations stay short."""

    accepts = FEWEST

    def doRead(self) -> None:
        self.numberAccepts = self.accepts
        super().doRead()  # type: ignore[no-untyped-call]
        # doRead increases numberAccepts if it has accepted as many connections as allowed. More connections may then be
        # waiting.
        all_taken = self.numberAccepts > self.accepts
        loop = asyncio.get_running_loop()
        # The next iteration of the event loop reads the handshakes of the new connections. `adapt` must know how long
        # this iteration takes. Therefore one callback notes the time when the iteration begins, and a second callback
        # calls `adapt` when the iteration has ended.
        loop.call_soon(lambda: loop.call_soon(self.adapt, loop.time(), all_taken))

    def adapt(self, begun: float, all_taken: bool) -> None:
        """Adapt the number of connections that are accepted at once. Called at the end of an event loop iteration.

        begun: the time on the event loop's clock when the iteration began.
        all_taken: whether as many connections were accepted as allowed. In this case more connections may be waiting.
        """
        if asyncio.get_running_loop().time() - begun > ITERATION_SECONDS:
            self.accepts = max(self.accepts // 2, FEWEST)
        elif all_taken:
            self.accepts = min(self.accepts * 2, MOST)


def adopt_port(port: Any, server: Any) -> None:
    """Turn a TCP port of Twisted into a ScreenPort. Other ports, such as Unix sockets, are not changed."""
    if type(port) is tcp.Port:
        port.__class__ = ScreenPort
        port.factory = FirstBytesFactory(server)
