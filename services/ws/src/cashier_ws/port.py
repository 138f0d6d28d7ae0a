"""The port: a listening socket that lets a crowd in a few at a time, so that those who are here aren't kept waiting."""

from typing import Any

from twisted.internet import tcp

from cashier_ws.entrance import EntranceFactory

ACCEPTS = 32
"""Connections accepted in one turn of the loop: some 15 ms of work in all. Twisted's 100 and more make turns of half a
second in a storm, and a call that is due waits for each of them. Those that aren't let in yet wait in the kernel."""


class ScreenPort(tcp.Port):
    """Twisted's, but for how many it accepts."""

    def doRead(self) -> None:
        self.numberAccepts = ACCEPTS  # Twisted raises it whenever more would have come
        super().doRead()  # type: ignore[no-untyped-call]


def open_to_screens(port: Any, server: Any) -> None:
    """Make a port that listens already one of ours; neither Twisted's endpoints nor Daphne let it be chosen."""
    if type(port) is tcp.Port:
        port.__class__ = ScreenPort
        port.factory = EntranceFactory(server)
