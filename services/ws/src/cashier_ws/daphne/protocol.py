"""Daphne's websocket protocol for one screen, extended: it sends prepared frames and closes with any code and reason.

Internals used, with the reason at each place:
- autobahn: `CONFIG_ATTRS`, `_dataReceived`, `state` and `wasClean`, `http_headers` and `http_request_data`,
  `sendCloseFrame`, `dropConnection`.
- Twisted: `transport.socket`, `transport.dataBuffer` and `_tempDataBuffer`, `transport.doWrite`.
- Daphne: `factory.server_class`, `server`, and the methods that are overridden.
"""

import logging
import socket
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor as installed_reactor

from cashier_ws import metrics

reactor: Any = installed_reactor  # Twisted's type for the reactor lacks most of its methods
log = logging.getLogger(__name__)

SEND_BUFFER = 32 * 1024
"""Bytes that the kernel may buffer for one screen. Its default of up to 4 MB would hide a stuck screen for hours."""
RESTARTING = (1012, "this replica is restarting")
"""Close code and reason that make a screen reconnect, to another replica."""


class ScreenProtocol(WebSocketProtocol):
    """One screen's socket. The ASGI extension `cashier.frame` is its method `send_frame`.

    While the socket accepts no bytes, the screen is stuck: only the newest frame is kept, and the connection is closed
    after `stuck_seconds`.
    """

    stuck_seconds = 10.0
    _give_up_timer: Any = None  # set while the screen is stuck
    _newest: bytes | None = None  # the frame to send when the screen is no longer stuck
    _was_given_up = False

    @classmethod
    def adopt_options(cls, factory: Any) -> None:
        """Copy the factory's options to this class.

        autobahn copies them to every new connection, and formats them for a debug message that nothing reads
        (`pformat` in `_connectionMade`): a third of the time of connecting. autobahn allows that options are set on the
        protocol; that it then loops over an empty CONFIG_ATTRS is an internal.
        """
        for name in cls.CONFIG_ATTRS:
            option = getattr(factory, name)
            setattr(cls, name, staticmethod(option) if callable(option) else option)
        cls.CONFIG_ATTRS = ()

    def connectionMade(self) -> None:
        self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)  # skips autobahn's debug message for all received bytes

    def onConnect(self, request: Any) -> Any:
        if self.factory.server_class.draining:  # Daphne's name for the server
            # Nginx treats a 503 as a failure of its upstream and asks the next replica.
            raise ConnectionDeny(503, "draining")  # type: ignore[no-untyped-call]
        if not request.headers.get("sec-websocket-protocol", "").isascii():
            # Daphne would log a traceback.
            raise ConnectionDeny(400, "bad subprotocol")  # type: ignore[no-untyped-call]
        return super().onConnect(request)

    def onOpen(self) -> None:
        # A connection that began as HTTP still has the HTTP channel as its producer; send_frame registers its own.
        self.transport.unregisterProducer()
        # The handshake would stay in memory as long as the screen is connected (months), and nothing reads it again.
        self.http_headers.clear()
        self.http_request_data = b""
        super().onOpen()
        if self.server.draining:
            self.close_with(*RESTARTING)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._end_stuck()
        if hasattr(self, "server"):  # not set if onConnect has refused the connection
            # A stuck screen seldom answers the Close frame, but 1013 is the reason why its connection has ended.
            super().onClose(wasClean, 1013 if self._was_given_up else code, reason)

    def dropConnection(self, abort: bool = False) -> None:
        # autobahn resets the connection even after a complete closing handshake, which Nginx logs as an error.
        super().dropConnection(abort=abort and not self.wasClean)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Called by Daphne with each message that the application sends."""
        if message["type"] == "websocket.close" and self.can_send:
            self.close_with(message.get("code") or 1000, message.get("reason") or "")
        elif message["type"] != "websocket.send" or self.can_send:
            # The application may answer a heartbeat of a screen that has just closed: such a message is dropped.
            super().handle_reply(message)

    @property
    def can_send(self) -> bool:
        return bool(self.state == self.STATE_OPEN)

    def close_with(self, code: int, reason: str) -> None:
        """Send a Close frame. autobahn's `sendClose` refuses the codes after which browsers reconnect (1012, 1013)."""
        if self.can_send:
            self.sendCloseFrame(code=code, reasonUtf8=reason.encode())

    def send_frame(self, frame: bytes) -> None:
        """Write a whole frame straight to the socket, bypassing the buffers and the encoding of autobahn and Twisted.

        One frame reaches 1,000 screens in 27 ms this way; with autobahn's prepared messages it takes 92 ms.
        """
        if self.state != self.STATE_OPEN:
            return
        if self._give_up_timer:
            self._newest = frame
            return
        if self._is_buffered:
            self.transport.doWrite()  # the answer to the handshake, or a ping, from this iteration of the event loop
            if self._is_buffered:
                self._newest = frame
                self._begin_stuck()
                return
        if not self._write(frame):
            self._begin_stuck()

    @property
    def _is_buffered(self) -> bool:
        """Whether Twisted has bytes that it has not written yet. It has no public method that tells."""
        return bool(self.transport.dataBuffer or self.transport._tempDataBuffer)

    def _write(self, frame: bytes) -> bool:
        """Write to the socket. Returns whether the kernel took all bytes; if not, Twisted writes the rest later."""
        try:
            sent = self.transport.socket.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            return True  # the connection is lost; the reactor notices this by itself
        if sent == len(frame):
            return True
        self.transport.write(frame[sent:])
        return False

    def _begin_stuck(self) -> None:
        self._give_up_timer = reactor.callLater(self.stuck_seconds, self._give_up)
        # False makes this a pull producer: Twisted calls resumeProducing each time it has written all of its bytes.
        self.transport.registerProducer(self, False)

    def _end_stuck(self) -> None:
        if self._give_up_timer:
            self._give_up_timer.cancel()
            self._give_up_timer = None

    def resumeProducing(self) -> None:
        """Called by Twisted when it has no bytes left to write for this socket."""
        if self._is_buffered or not self._give_up_timer:
            return
        frame, self._newest = self._newest, None
        if frame is None or self._write(frame):
            self._end_stuck()
            self.transport.unregisterProducer()
        else:
            self._give_up_timer.reset(self.stuck_seconds)

    def stopProducing(self) -> None:
        """Called by Twisted when the connection is lost; `onClose` follows."""

    def _give_up(self) -> None:
        self._give_up_timer = None
        self._was_given_up = True
        metrics.TOO_SLOW.inc()
        log.warning("screen closed: it accepted nothing for %s s", self.stuck_seconds)
        if self.can_send:
            self.close_with(1013, "too slow")
        else:
            self.transport.abortConnection()  # a Close frame was sent before, and the screen does not take even that
