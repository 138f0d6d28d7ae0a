"""Extends Daphne's websocket protocol, which handles the socket of one screen.

The extended protocol can send prepared frames, and can close a websocket with any code and reason. It uses internals of
three libraries, and a comment at each place gives the reason. The internals are:

- autobahn: `CONFIG_ATTRS`, `_dataReceived`, `state` and `wasClean`, `http_headers` and `http_request_data`,
  `sendCloseFrame`, `dropConnection`.
- Twisted: `transport.socket`, `transport.dataBuffer` and `_tempDataBuffer`, `transport.doWrite`.
- Daphne: `factory.server_class`, `server`, and the methods that ScreenProtocol overrides.
"""

import logging
import socket
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor as installed_reactor

from cashier_ws import metrics

# The variable `reactor` (Twisted's event loop) has the type Any, because Twisted declares a type that lacks most of the
# reactor's methods.
reactor: Any = installed_reactor
log = logging.getLogger(__name__)

SEND_BUFFER = 32 * 1024
"""The number of bytes that the kernel may buffer for one screen.

By default, the kernel buffers up to 4 MB. With such a buffer, a stuck screen would be noticed only after hours.
"""
RESTARTING = (1012, "this replica is restarting")
"""The close code and the reason for screens when this replica ends. The screens then reconnect to another replica."""


class ScreenProtocol(WebSocketProtocol):
    """The websocket protocol of one screen. The ASGI extension `cashier.frame` is its method `send_frame`.

    As long as the socket accepts no bytes, the screen is stuck. Only the newest frame is then kept for it. After
    `stuck_seconds`, its connection is closed.
    """

    stuck_seconds = 10.0
    _give_up_timer: Any = None
    """The timer that closes the connection. It is set only while the screen is stuck."""
    _newest: bytes | None = None
    """The newest frame for a stuck screen, which is sent when the screen accepts bytes again; None for no frame."""
    _was_given_up = False

    @classmethod
    def adopt_options(cls, factory: Any) -> None:
        """Copy the options of the websocket factory to this class, because this makes new connections faster.

        By default, autobahn copies the options to each new connection, and formats them for a debug message that
        nothing reads (`pformat` in `_connectionMade`). These two steps take a third of the time that a new connection
        needs.

        autobahn officially allows options on the protocol class. The list CONFIG_ATTRS is an internal of autobahn: it
        names the options that autobahn copies and formats. This method empties the list.
        """
        for name in cls.CONFIG_ATTRS:
            option = getattr(factory, name)
            setattr(cls, name, staticmethod(option) if callable(option) else option)
        cls.CONFIG_ATTRS = ()

    def connectionMade(self) -> None:
        self.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        # autobahn's dataReceived formats a debug message with the received bytes, and then calls _dataReceived.
        # Nothing reads this debug message, so _dataReceived is called directly.
        self._dataReceived(data)

    def onConnect(self, request: Any) -> Any:
        # Daphne's server object is in the attribute `server_class`, although this name suggests a class.
        if self.factory.server_class.draining:
            # A replica that drains answers new handshakes with 503. Nginx then sends the handshake to another replica.
            raise ConnectionDeny(503, "draining")  # type: ignore[no-untyped-call]
        if not request.headers.get("sec-websocket-protocol", "").isascii():
            # Daphne cannot decode characters outside ASCII in the header `Sec-WebSocket-Protocol`, and would log a
            # traceback. Therefore a handshake with such characters is refused.
            raise ConnectionDeny(400, "bad subprotocol")  # type: ignore[no-untyped-call]
        return super().onConnect(request)

    def onOpen(self) -> None:
        # Daphne's HTTP protocol may have received the handshake. It is then still the producer of the transport: the
        # object that Twisted tells when to send more bytes. A transport has only one producer, and for a stuck screen
        # this must be ScreenProtocol. Therefore the HTTP protocol is unregistered.
        self.transport.unregisterProducer()
        # The handshake would stay in memory as long as the screen is connected, which may be months. Nothing reads the
        # handshake again, so it is deleted.
        self.http_headers.clear()
        self.http_request_data = b""
        super().onOpen()
        if self.server.draining:
            self.close_with(*RESTARTING)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self._end_stuck()
        # If onConnect has refused the handshake, Daphne has not set the attribute `server`. Daphne's onClose would then
        # fail, so it is called only if this attribute is set.
        if hasattr(self, "server"):
            # A stuck screen seldom answers the Close frame, and autobahn then reports the code 1006. The application
            # must get the code 1013 instead, which is the real reason.
            super().onClose(wasClean, 1013 if self._was_given_up else code, reason)

    def dropConnection(self, abort: bool = False) -> None:
        # autobahn aborts a connection even after both sides have sent a Close frame, and Nginx would log this as an
        # error. Therefore a connection is aborted only if a Close frame is missing.
        super().dropConnection(abort=abort and not self.wasClean)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Handle a message from the ASGI application. Called by Daphne."""
        if message["type"] == "websocket.close" and self.can_send:
            self.close_with(message.get("code") or 1000, message.get("reason") or "")
        elif message["type"] != "websocket.send" or self.can_send:
            # If the websocket has just been closed, the application may still answer a heartbeat. This answer is
            # dropped.
            super().handle_reply(message)

    @property
    def can_send(self) -> bool:
        return bool(self.state == self.STATE_OPEN)

    def close_with(self, code: int, reason: str) -> None:
        """Send a Close frame.

        Screens reconnect after the close codes 1012 and 1013. The public method `sendClose` of autobahn refuses these
        two codes. Therefore this method calls the internal method `sendCloseFrame`.
        """
        if self.can_send:
            self.sendCloseFrame(code=code, reasonUtf8=reason.encode())

    def send_frame(self, frame: bytes) -> None:
        """Write a whole frame directly to the socket, and not through the buffers of autobahn and Twisted.

        In this way, a frame reaches 1,000 screens in 27 ms. With autobahn's prepared messages, it takes 92 ms.
        """
        if self.state != self.STATE_OPEN:
            return
        if self._give_up_timer:
            self._newest = frame
            return
        if self._is_buffered:
            # Twisted may have buffered earlier bytes, such as the answer to the handshake or a ping. They are written
            # now, because they must reach the screen before the frame.
            self.transport.doWrite()
            if self._is_buffered:
                self._newest = frame
                self._begin_stuck()
                return
        if not self._write(frame):
            self._begin_stuck()

    @property
    def _is_buffered(self) -> bool:
        """Whether Twisted has bytes that it has not written yet.

        Twisted has no public method that tells this. Therefore this property reads internal attributes of Twisted.
        """
        return bool(self.transport.dataBuffer or self.transport._tempDataBuffer)

    def _write(self, frame: bytes) -> bool:
        """Write to the socket, and return whether the kernel has accepted all bytes.

        If the kernel has not accepted all bytes, Twisted writes the rest later.
        """
        try:
            sent = self.transport.socket.send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            return True  # If the connection is lost, nothing is done here, because Twisted notices the loss itself.
        if sent == len(frame):
            return True
        self.transport.write(frame[sent:])
        return False

    def _begin_stuck(self) -> None:
        self._give_up_timer = reactor.callLater(self.stuck_seconds, self._give_up)
        # registerProducer with the argument False makes Twisted call resumeProducing each time it has written all its
        # buffered bytes.
        self.transport.registerProducer(self, False)

    def _end_stuck(self) -> None:
        if self._give_up_timer:
            self._give_up_timer.cancel()
            self._give_up_timer = None

    def resumeProducing(self) -> None:
        """Send the newest frame to a stuck screen.

        Twisted calls this method when it has written all its buffered bytes.
        """
        if self._is_buffered or not self._give_up_timer:
            return
        frame, self._newest = self._newest, None
        if frame is None or self._write(frame):
            self._end_stuck()
            self.transport.unregisterProducer()
        else:
            self._give_up_timer.reset(self.stuck_seconds)

    def stopProducing(self) -> None:
        """Do nothing. Twisted calls this method when the connection is lost.

        Later autobahn calls `onClose`, which cancels the timer.
        """

    def _give_up(self) -> None:
        self._give_up_timer = None
        self._was_given_up = True
        metrics.TOO_SLOW.inc()
        log.warning("screen closed: it accepted nothing for %s s", self.stuck_seconds)
        if self.can_send:
            self.close_with(1013, "too slow")
        else:
            # A Close frame was already sent, for example by a drain, and the screen has not accepted it. Therefore the
            # connection is aborted.
            self.transport.abortConnection()
