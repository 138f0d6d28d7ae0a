"""The server: Daphne with our protocol, made for many screens and for being stopped while they look."""

# First of all, because it installs the asyncio reactor that everything of Twisted's then uses.
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
from cashier_ws.daphne.listener import open_to_screens
from cashier_ws.daphne.protocol import GOING, ScreenProtocol
from cashier_ws.health import health
from cashier_ws.screens import EXTENSION
from cashier_ws.settings import ENVIRONMENT

BACKLOG = 4096
"""Twisted's is 50: in a storm of screens the kernel would drop handshakes that come back a second later."""
MAX_FRAME = 1024
"""Bytes that a screen may send in one message; its heartbeat is four."""
CLOSE_GRACE = 1.5
"""Seconds that the last screen is given to answer the Close frame."""

reactor: Any = installed_reactor  # which its types say nothing useful of
log = logging.getLogger(__name__)


class ScreenServer(Server):
    """Offers the application `cashier.frame`, and drains on SIGTERM."""

    draining = False
    leaving = 0
    """Screens that were sent away and have not gone yet."""

    def __init__(self, *, endpoints: list[str], **options: Any) -> None:
        endpoints = [f"{each}:backlog={BACKLOG}" if each.startswith("tcp:") else each for each in endpoints]
        super().__init__(endpoints=endpoints, ready_callable=self.prepare, **options)

    def prepare(self) -> None:
        """Called by Daphne when its factories are made and the reactor doesn't run yet."""
        # A Close frame with a code and a reason, where the default would cut the connection without a word.
        self.ws_factory.setProtocolOptions(failByDrop=False)
        ScreenProtocol.adopt_options(self.ws_factory)
        ScreenProtocol.stuck_seconds = ENVIRONMENT.cashier_stuck_seconds
        self.ws_factory.protocol = ScreenProtocol
        reactor.callWhenRunning(self._listen_to_signals)

    def listen_success(self, port: Any) -> None:
        """Called by Daphne with each port that it listens on."""
        open_to_screens(port, self)
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
        """Turn unready, close the screens with 1012 spread over a time, then stop. A second signal stops at once."""
        if self.draining:
            self.stop()
            return
        self.draining = health.draining = True
        screens = [each for each in self.connections if isinstance(each, ScreenProtocol) and each.can_send]
        seconds = ENVIRONMENT.cashier_drain_seconds if screens else 0
        log.warning("draining: %d screens are sent away within %s s", len(screens), seconds)
        random.shuffle(screens)
        for index, screen in enumerate(screens):
            reactor.callLater(seconds * index / len(screens), screen.leave, *GOING)
        self.leaving = len(screens)
        reactor.callLater(seconds + CLOSE_GRACE if screens else 0, self.stop)

    def protocol_disconnected(self, protocol: Any) -> None:
        super().protocol_disconnected(protocol)
        if self.leaving and isinstance(protocol, ScreenProtocol):
            self.leaving -= 1
            if not self.leaving:
                self.stop()

    def kill_all_applications(self) -> Any:
        """Daphne's raises KeyError for a connection whose application has ended already, and then cancels none."""
        running = [each["application_instance"] for each in self.connections.values() if "application_instance" in each]
        for each in running:
            each.cancel()
        return defer.Deferred.fromFuture(asyncio.gather(*running, return_exceptions=True))


class ScreenCommand(CommandLineInterface):
    """Daphne's command line, with defaults that suit screens."""

    description = "cashier_q's websocket service"
    server_class = ScreenServer

    def __init__(self) -> None:
        super().__init__()
        self.parser.set_defaults(
            verbosity=0,  # no access log: a formatted line for every connect is what a storm doesn't need
            websocket_timeout=-1,  # the default closes every screen with 1000 after a day
            websocket_connect_timeout=30,  # in a storm, 5 s turn slow accepts into refusals
            websocket_max_message_size=MAX_FRAME,
            websocket_max_frame_size=MAX_FRAME,
            server_name="",
        )


def main() -> None:
    """Serve until stopped; takes Daphne's options (`-b HOST -p PORT`), but no application."""
    env.use_settings("cashier_ws.settings")
    ScreenCommand().run([*sys.argv[1:], "cashier_ws.asgi:application"])


if __name__ == "__main__":
    main()
