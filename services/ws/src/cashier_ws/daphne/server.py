"""Daphne's server and command line, adapted to many screens: a longer backlog, our protocol, and a drain on SIGTERM.

Daphne's hooks are used where they exist: subclasses, `ready_callable`, `listen_success`, defaults of its options.
Internals used: `ws_factory.protocol` is replaced before the reactor runs, and `kill_all_applications` is overridden.
"""

# Daphne must be imported before Twisted, because it installs the asyncio reactor that all of Twisted then uses.
from daphne.server import Server  # isort: skip

import asyncio
import logging
import random
import signal
import sys
from typing import Any

from daphne.cli import CommandLineInterface
from twisted.internet import defer
from twisted.internet import reactor as installed_reactor

from cashier_core import env
from cashier_ws.daphne.listener import adopt_port
from cashier_ws.daphne.protocol import RESTARTING, ScreenProtocol
from cashier_ws.health import health
from cashier_ws.screens import EXTENSION
from cashier_ws.settings import ENVIRONMENT

BACKLOG = 4096
"""Connections that the kernel queues until they are accepted. With Twisted's default of 50, the kernel drops
connections when many screens come at once; they try again a second later."""
MAX_FRAME = 1024
"""Bytes that a screen may send in one message. A heartbeat has four bytes."""
CLOSE_GRACE = 1.5
"""Seconds that the last screen has to answer the Close frame."""

reactor: Any = installed_reactor  # Twisted's type for the reactor lacks most of its methods
log = logging.getLogger(__name__)


class ScreenServer(Server):
    """Offers the ASGI extension `cashier.frame` to the application, and drains on SIGTERM."""

    draining = False
    closing = 0
    """Screens that were sent a Close frame and are still connected."""

    def __init__(self, *, endpoints: list[str], **options: Any) -> None:
        endpoints = [f"{each}:backlog={BACKLOG}" if each.startswith("tcp:") else each for each in endpoints]
        super().__init__(endpoints=endpoints, ready_callable=self.prepare, **options)

    def prepare(self) -> None:
        """Called by Daphne when it has created its factories, before the reactor runs."""
        # Send a Close frame after a protocol error. By default autobahn just drops the connection.
        self.ws_factory.setProtocolOptions(failByDrop=False)
        ScreenProtocol.adopt_options(self.ws_factory)
        ScreenProtocol.stuck_seconds = ENVIRONMENT.cashier_stuck_seconds
        self.ws_factory.protocol = ScreenProtocol
        reactor.callWhenRunning(self._listen_to_signals)

    def listen_success(self, port: Any) -> None:
        """Called by Daphne with each port on which it listens."""
        adopt_port(port, self)
        super().listen_success(port)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_event_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self.drain)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if isinstance(protocol, ScreenProtocol):
            scope["extensions"] = {EXTENSION: protocol.send_frame}
        return super().create_application(protocol, scope)

    def drain(self) -> None:
        """Stop the replica: answer health checks with 503, close all screens with 1012 over a few seconds, then end.

        A second signal ends the process at once.
        """
        if self.draining:
            self.stop()
            return
        self.draining = health.draining = True
        screens = [each for each in self.connections if isinstance(each, ScreenProtocol) and each.can_send]
        seconds = ENVIRONMENT.cashier_drain_seconds if screens else 0
        log.warning("draining: %d screens are sent away within %s s", len(screens), seconds)
        random.shuffle(screens)
        for index, screen in enumerate(screens):
            reactor.callLater(seconds * index / len(screens), screen.close_with, *RESTARTING)
        self.closing = len(screens)
        reactor.callLater(seconds + CLOSE_GRACE if screens else 0, self.stop)

    def protocol_disconnected(self, protocol: Any) -> None:
        super().protocol_disconnected(protocol)
        if self.closing and isinstance(protocol, ScreenProtocol):
            self.closing -= 1
            if not self.closing:
                self.stop()

    def kill_all_applications(self) -> Any:
        """Cancel all applications. Daphne's own method fails with a KeyError if one of them has already ended."""
        running = [each["application_instance"] for each in self.connections.values() if "application_instance" in each]
        for each in running:
            each.cancel()
        return defer.Deferred.fromFuture(asyncio.gather(*running, return_exceptions=True))


class ScreenCommand(CommandLineInterface):
    """Daphne's command line with other defaults."""

    description = "cashier_q's websocket service"
    server_class = ScreenServer

    def __init__(self) -> None:
        super().__init__()
        self.parser.set_defaults(
            verbosity=0,  # no access log: it costs a formatted line for each of a crowd of connecting screens
            websocket_timeout=-1,  # never; the default closes every screen with code 1000 after a day
            websocket_connect_timeout=30,  # with the default of 5 s, slow handshakes are refused when a crowd connects
            websocket_max_message_size=MAX_FRAME,
            websocket_max_frame_size=MAX_FRAME,
            server_name="",
        )


def main() -> None:
    """Run a replica until it is stopped. Takes Daphne's options (`-b HOST -p PORT`), but no application."""
    env.use_settings("cashier_ws.settings")
    ScreenCommand().run([*sys.argv[1:], "cashier_ws.asgi:application"])
