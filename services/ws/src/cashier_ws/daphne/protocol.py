"""The protocol: Daphne's websocket connection, taught to take a ready-made frame and to close with any code."""

import logging
import socket
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor as installed_reactor

from cashier_ws import metrics

reactor: Any = installed_reactor  # which its types say nothing useful of
log = logging.getLogger(__name__)

SEND_BUFFER = 32 * 1024
"""Bytes that the kernel may hold for one screen. Its default, up to 4 MB, would hide a stuck screen for hours."""
GOING = (1012, "this replica is restarting")
"""Close code and reason for screens that are to come back, to another replica."""


class ScreenProtocol(WebSocketProtocol):
    """One screen's socket. `send_frame` is what the ASGI extension `cashier.frame` calls."""

    stuck_seconds = 10.0
    _stuck: Any = None  # the delayed call that gives the screen up
    _newest: bytes | None = None
    _given_up = False

    @classmethod
    def adopt_options(cls, factory: Any) -> None:
        """Take the factory's options once, not anew for every connection, which would also format them for a log."""
        for name in cls.CONFIG_ATTRS:
            option = getattr(factory, name)
            setattr(cls, name, staticmethod(option) if callable(option) else option)
        cls.CONFIG_ATTRS = ()

    def connectionMade(self) -> None:
        self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)  # without autobahn's line for a log that nobody reads

    def onConnect(self, request: Any) -> Any:
        if self.factory.server_class.draining:
            # Nginx takes this for an answer of its upstream and asks the next replica.
            raise ConnectionDeny(503, "draining")  # type: ignore[no-untyped-call]
        if not request.headers.get("sec-websocket-protocol", "").isascii():
            raise ConnectionDeny(400, "bad subprotocol")  # type: ignore[no-untyped-call]
        return super().onConnect(request)

    def onOpen(self) -> None:
        # The HTTP channel that this connection began with is still registered; nobody needs it any more.
        self.transport.unregisterProducer()
        # Nor does anybody read the handshake again, which would stay here for as long as the screen does: months.
        self.http_headers.clear()
        self.http_request_data = b""
        super().onOpen()
        if self.server.draining:
            self.leave(*GOING)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self._stuck:
            self._stuck.cancel()
            self._stuck = None
        if hasattr(self, "server"):  # not if it was denied in onConnect
            # A screen that was given up seldom answers; it was closed for that all the same.
            super().onClose(wasClean, 1013 if self._given_up else code, reason)

    def dropConnection(self, abort: bool = False) -> None:
        # After a whole closing handshake autobahn would still reset the connection, which Nginx logs as an error.
        super().dropConnection(abort=abort and not self.wasClean)

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close" and self.can_send:
            self.leave(message.get("code") or 1000, message.get("reason") or "")
        elif message["type"] != "websocket.send" or self.can_send:
            # An answer to a heartbeat may come when the screen has just closed: nobody is left to send it to.
            super().handle_reply(message)

    @property
    def can_send(self) -> bool:
        return bool(self.state == self.STATE_OPEN)

    def leave(self, code: int, reason: str) -> None:
        """Close with a reason; unlike `sendClose` it knows the codes that browsers reconnect after."""
        if self.can_send:
            self.sendCloseFrame(code=code, reasonUtf8=reason.encode())

    def send_frame(self, frame: bytes) -> None:
        """Write a whole frame straight to the socket. While older bytes wait there, only the newest one is kept."""
        if self.state != self.STATE_OPEN:
            return
        if self._stuck:
            self._newest = frame
            return
        transport = self.transport
        if transport.dataBuffer or transport._tempDataBuffer:
            transport.doWrite()  # the handshake's answer or a ping, written in this same turn of the loop
            if self._buffered:
                self._newest = frame
                self._be_stuck()
                return
        if not self._write(frame):
            self._be_stuck()

    @property
    def _buffered(self) -> bool:
        return bool(self.transport.dataBuffer or self.transport._tempDataBuffer)

    def _write(self, frame: bytes) -> bool:
        """Whether the kernel took all of it; Twisted writes the rest as the socket drains."""
        try:
            sent = self.transport.socket.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            return True  # the connection is lost, which the reactor is about to notice by itself
        if sent == len(frame):
            return True
        self.transport.write(frame[sent:])
        return False

    def _be_stuck(self) -> None:
        self._stuck = reactor.callLater(self.stuck_seconds, self._give_up)
        # As a pull producer: Twisted calls resumeProducing each time it has written everything.
        self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Twisted has nothing left to write for this socket."""
        if self._buffered or not self._stuck:
            return
        frame, self._newest = self._newest, None
        if frame is None or self._write(frame):
            self._stuck.cancel()
            self._stuck = None
            self.transport.unregisterProducer()
        else:
            self._stuck.reset(self.stuck_seconds)

    def stopProducing(self) -> None:
        """The connection is lost; `onClose` follows."""

    def _give_up(self) -> None:
        self._stuck = None
        self._given_up = True
        metrics.TOO_SLOW.inc()
        log.warning("screen closed: it accepted nothing for %s s", self.stuck_seconds)
        if self.can_send:
            self.leave(1013, "too slow")
        else:
            self.transport.abortConnection()  # it was closing, and doesn't even take that
