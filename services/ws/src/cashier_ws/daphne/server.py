"""Adapts Daphne's server and command line to many screens.

The kernel queues more new connections, screens use `ScreenProtocol`, and the replica drains on SIGTERM or SIGINT.
Daphne no longer checks all connections every second or two. A watchdog kills the replica if it hangs.

Where possible, this module uses official ways to extend Daphne: subclasses, `ready_callable`, `listen_success`, and
defaults of its options. It uses these internals:

- it replaces `ws_factory.protocol` before the reactor (Twisted's event loop) runs.
- it overrides `kill_all_applications`, `application_checker` and `timeout_checker`.
- it removes connections from `Server.connections`.
"""

import asyncio
import logging
import random
import signal
import sys
from functools import partial
from typing import Any

# Daphne must be imported before Twisted, because Daphne installs the asyncio reactor (Twisted's event loop).
from daphne.cli import CommandLineInterface
from daphne.server import Server
from twisted.internet import defer
from twisted.internet import reactor as installed_reactor

from cashier_core import env
from cashier_ws.daphne.listener import adopt_port
from cashier_ws.daphne.protocol import RESTARTING, ScreenProtocol
from cashier_ws.daphne.report_frame import MAX_MESSAGE
from cashier_ws.health import health
from cashier_ws.screens import EXTENSION
from cashier_ws.settings import ENVIRONMENT
from cashier_ws.watchdog import REPORT_SECONDS, Watchdog

BACKLOG = 4096
"""The number of connections that the kernel queues until the replica accepts them.

With Twisted's default of 50, the kernel drops connections when many screens connect at once. A screen whose connection
was dropped must wait a second before it tries again.
"""
CLOSE_GRACE = 1.5
"""The seconds for which a draining replica waits for the answer to its last Close frame, before it ends."""

# The variable `reactor` (Twisted's event loop) has the type Any, because Twisted declares a type that lacks most of the
# reactor's methods.
reactor: Any = installed_reactor
log = logging.getLogger(__name__)


class ScreenServer(Server):
    """Daphne's server, extended by the ASGI extension `cashier.frame` and by a drain on SIGTERM or SIGINT."""

    draining = False
    watchdog: Watchdog | None = None
    closing = 0
    """While the replica drains: the number of screens that are still connected and must be closed."""

    def __init__(self, *, endpoints: list[str], **options: Any) -> None:
        endpoints = [f"{each}:backlog={BACKLOG}" if each.startswith("tcp:") else each for each in endpoints]
        super().__init__(endpoints=endpoints, ready_callable=self.prepare, **options)
        self._lifespan_events: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    def prepare(self) -> None:
        """Configure Daphne's websocket factory. Called by Daphne before its event loop runs."""
        # With failByDrop=False, autobahn sends a Close frame after a protocol error. By default, autobahn drops the
        # connection. A timer for the handshake is not needed, because the whole handshake has arrived before autobahn
        # gets it, and the application answers it at once.
        self.ws_factory.setProtocolOptions(failByDrop=False, openHandshakeTimeout=0)
        ScreenProtocol.adopt_options(self.ws_factory)
        ScreenProtocol.stuck_seconds = ENVIRONMENT.cashier_stuck_seconds
        ScreenProtocol.silence_seconds = ENVIRONMENT.cashier_silence_seconds
        self.ws_factory.protocol = ScreenProtocol
        health.close_screens = self.close_screens_of
        reactor.callWhenRunning(self._listen_to_signals)
        reactor.callWhenRunning(self._begin_lifespan)
        if self.watchdog:
            reactor.callWhenRunning(self._report_alive, self.watchdog)

    def listen_success(self, port: Any) -> None:
        """Change the class of a port to ScreenPort. Daphne calls this method after it has begun to listen on a port."""
        adopt_port(port, self)
        super().listen_success(port)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_event_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self.drain)

    def _report_alive(self, watchdog: Watchdog) -> None:
        try:
            watchdog.report_alive()
        except BrokenPipeError:
            if not self.draining:
                log.error("the process that watches this replica has ended; the replica is stopped, and starts again")
                self.drain()
        else:
            reactor.callLater(REPORT_SECONDS, self._report_alive, watchdog)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if isinstance(protocol, ScreenProtocol):
            scope["extensions"] = {EXTENSION: protocol}
        input_queue = super().create_application(protocol, scope)
        application = self.connections[protocol]["application_instance"]
        application.add_done_callback(partial(self._application_ended, protocol))
        return input_queue

    def application_checker(self) -> None:
        """Do nothing. Daphne's own method looks once a second at every connection, for applications that have ended.

        `_application_ended` and `protocol_disconnected` do the same work, but only when something ends.
        """

    def timeout_checker(self) -> None:
        """Do nothing. Daphne's own method looks every two seconds at every connection, to send pings and for timeouts.

        The heartbeats replace the pings (see boards/heartbeats.py). The timeouts are not needed: a websocket may stay
        open forever, and the application of ws answers a handshake or an HTTP request at once. Twisted and FirstBytes
        close connections whose request does not arrive.
        """

    def _application_ended(self, protocol: Any, application: asyncio.Task[None]) -> None:
        """Called when the application of a connection has returned, has raised an exception, or was cancelled."""
        details = self.connections[protocol]
        del details["application_instance"]
        fault = None if application.cancelled() else application.exception()
        if fault:
            log.error("exception in the application of a connection", exc_info=fault)
            if "disconnected" not in details:
                try:
                    protocol.handle_exception(fault)
                except Exception:  # For example, an HTTP response has begun already.
                    protocol.transport.abortConnection()
        self._forget(protocol)

    def _forget(self, protocol: Any) -> None:
        """Forget a connection if both the connection and its application have ended."""
        details = self.connections.get(protocol, {})
        if "disconnected" in details and "application_instance" not in details:
            del self.connections[protocol]

    def drain(self) -> None:
        """Drain the replica: close all screens with code 1012, spread over a few seconds, and then end the process.

        Meanwhile health checks are answered with 503. If the process gets a second signal, it ends at once.
        """
        if self.draining:
            self.stop()
            return
        self.draining = health.draining = True
        screens = self._screens()
        seconds = ENVIRONMENT.cashier_drain_seconds if screens else 0
        log.warning("draining: %d screens are closed within %s s", len(screens), seconds)
        self._close(screens)
        self.closing = len(screens)
        reactor.callLater(seconds + CLOSE_GRACE if screens else 0, self.stop)

    def close_screens_of(self, proxy: str) -> int:
        """Close the screens that are connected through a proxy, which is being stopped. Returns their number.

        The screens are closed in the same way as during a drain. proxy: its IP address.
        """
        screens = [each for each in self._screens() if getattr(each.transport.getPeer(), "host", "") == proxy]
        log.warning("the proxy %s is being stopped: %d screens are closed", proxy, len(screens))
        self._close(screens)
        return len(screens)

    def _screens(self) -> list[ScreenProtocol]:
        return [each for each in self.connections if isinstance(each, ScreenProtocol) and each.can_send]

    def _close(self, screens: list[ScreenProtocol]) -> None:
        """Close these screens with code 1012, in random order, spread over `CASHIER_DRAIN_SECONDS`."""
        random.shuffle(screens)
        for index, screen in enumerate(screens):
            reactor.callLater(ENVIRONMENT.cashier_drain_seconds * index / len(screens), screen.close_with, *RESTARTING)

    def protocol_disconnected(self, protocol: Any) -> None:
        if protocol not in self.connections:
            return  # Daphne reports the end of an HTTP request twice, if its connection ends, too.
        super().protocol_disconnected(protocol)
        self._forget(protocol)
        if self.closing and isinstance(protocol, ScreenProtocol):
            self.closing -= 1
            if not self.closing:
                self.stop()

    def kill_all_applications(self) -> Any:
        """Let the application end, and cancel the tasks of all connections, when the server ends.

        Daphne's own method raises a KeyError if one of the tasks has already ended.
        """
        running = [each["application_instance"] for each in self.connections.values() if "application_instance" in each]
        for each in running:
            each.cancel()
        return defer.Deferred.fromFuture(asyncio.gather(*running, self._end_lifespan(), return_exceptions=True))

    def _begin_lifespan(self) -> None:
        """Tell the application that the server has started (ASGI lifespan protocol). Daphne does not tell it."""

        async def send(message: dict[str, Any]) -> None:
            """Ignore the answers of the application."""

        self._lifespan_events.put_nowait({"type": "lifespan.startup"})
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        self._lifespan = asyncio.ensure_future(self.application(scope, self._lifespan_events.get, send))

    async def _end_lifespan(self) -> None:
        """Tell the application that the server ends, and wait until it has ended, too."""
        self._lifespan_events.put_nowait({"type": "lifespan.shutdown"})
        try:
            await self._lifespan
        except Exception:
            log.exception("fault in the lifespan of the application")


class ScreenCommand(CommandLineInterface):
    """Daphne's command line, with defaults that suit thousands of screens."""

    description = "cashier_q's websocket service"
    server_class = ScreenServer

    def __init__(self) -> None:
        super().__init__()
        self.parser.set_defaults(
            # 0 turns Daphne's access log off. Formatting a log line for each connecting screen would take too much
            # time.
            verbosity=0,
            websocket_max_message_size=MAX_MESSAGE,
            websocket_max_frame_size=MAX_MESSAGE,
            server_name="",
        )


def main(watchdog: Watchdog) -> None:
    """Run a replica until it is stopped.

    The command has Daphne's options, for example `-b HOST -p PORT`. Unlike Daphne, it does not expect the name of an
    ASGI application.
    """
    ScreenServer.watchdog = watchdog
    env.use_settings("cashier_ws.settings")
    ScreenCommand().run([*sys.argv[1:], "cashier_ws.asgi:application"])
