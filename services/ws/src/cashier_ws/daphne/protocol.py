"""Extends Daphne's websocket protocol, which handles the socket of one screen.

The extended protocol can send prepared frames, can close a websocket with any code and reason, and limits what a screen
can send. It uses internals of three libraries, and a comment at each place gives the reason. The internals are:

- autobahn: `CONFIG_ATTRS`, `_dataReceived`, `consumeData` and `data`, `onFrameBegin` and `current_frame`,
  `inside_message`, `state`, `wasClean`, `failedByMe` and `localCloseCode`, `http_headers` and `http_request_data`,
  `sendData`, `sendCloseFrame`, `_fail_connection`, `dropConnection`, the result of `is_closed`.
- Twisted: `transport.socket`, `transport.doWrite`.
- Daphne: `factory.server_class`, `server`, and the methods that ScreenProtocol overrides.
"""

import socket
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor as installed_reactor

from cashier_ws import metrics
from cashier_ws.allowance import FRAGMENTS, Allowance
from cashier_ws.daphne.frame_writer import FrameWriter
from cashier_ws.daphne.report_frame import read_report
from cashier_ws.screens import TakeReport

# The variable `reactor` (Twisted's event loop) has the type Any, because Twisted declares a type that lacks most of the
# reactor's methods.
reactor: Any = installed_reactor

SEND_BUFFER = 32 * 1024
"""The number of bytes that the kernel may buffer for one screen.

By default, the kernel buffers up to 4 MB. With such a buffer, a stuck screen would be noticed only after hours.
"""
FLUSH_SECONDS = 1.0
"""When a connection is closed, the seconds for which the screen may still read what has been sent to it."""
CONTINUATION, FIRST_CONTROL_OPCODE = 0, 8
REASON_BYTES = 123
"""The largest number of bytes that the reason in a Close frame may have (RFC 6455, section 5.5)."""
CLOSE_FRAME = 0x88
"""The first byte of a Close frame: the FIN bit, and the opcode 8."""
RESTARTING = (1012, "this replica is restarting")
"""The close code and the reason for screens when this replica ends. The screens then reconnect to another replica."""


class ScreenProtocol(FrameWriter, WebSocketProtocol):
    """The websocket protocol of one screen. It is also the ASGI extension `cashier.frame` (see FrameSocket).

    Every frame that a screen sends is counted: text, pings, pongs, Close frames and fragments. If a screen sends more
    than its allowance, or an invalid frame, its connection is closed at once, and the bytes that were received together
    with this frame are not parsed. An unchanged autobahn needed 59 ms for 64 KB of pings, and kept their answers
    without a limit.
    """

    silence_seconds = 40.0
    _fragments = 0
    """The number of frames into which the screen has split its current message, without the first one."""
    take_report: TakeReport | None = None
    """Part of the ASGI extension, as FrameSocket explains."""
    _abort_timer: Any = None
    """The timer that ends a connection that is being closed, in case the screen does not read its last bytes."""

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
        is_tcp = self.transport.socket.family in {socket.AF_INET, socket.AF_INET6}
        if is_tcp and hasattr(socket, "TCP_USER_TIMEOUT"):  # macOS does not have this option.
            # If the other side has not acknowledged a heartbeat after this time, the kernel closes the connection. By
            # default, the kernel would try to deliver the heartbeat for about 15 minutes. The page has the same limit.
            # The option also limits how long a stuck screen may accept nothing.
            milliseconds = round(max(self.silence_seconds, self.stuck_seconds + 5) * 1000)
            self.transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        self._allowance = Allowance()
        self.begin_writing()
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        if self.state == self.STATE_CONNECTING and hasattr(self, "server"):
            # The handshake is complete, and the application has not accepted it yet. autobahn would keep these bytes,
            # and parse them as a second handshake. A client must wait for the answer to its handshake (RFC 6455,
            # section 4.1).
            self.transport.abortConnection()
            return
        # A report may be read here only if autobahn is between two messages, and has no bytes that it has not parsed.
        if self.take_report and self.current_frame is None and not self.data and not self.inside_message:
            report = read_report(data)
            if report is not None:
                self._take_report(report)
                return
        # autobahn's dataReceived formats a debug message with the received bytes, and then calls _dataReceived.
        # Nothing reads this debug message, so _dataReceived is called directly.
        self._dataReceived(data)

    def consumeData(self) -> None:
        super().consumeData()
        if self.state == self.STATE_CLOSED:
            # autobahn parses nothing more, but would keep the bytes that it has not parsed.
            self.data = b""

    def onFrameBegin(self) -> None:
        # autobahn calls this method for each frame, before it handles the payload. Its public methods, such as onPing
        # and onMessageFrame, are not called for each kind of frame.
        opcode = self.current_frame.opcode
        if opcode < FIRST_CONTROL_OPCODE:
            self._fragments = self._fragments + 1 if opcode == CONTINUATION else 0
        if not self._allowance.take():
            self._refuse_flood("too many frames")
        elif self._fragments >= FRAGMENTS:
            self._refuse_flood("too many fragments")
        else:
            super().onFrameBegin()

    def _take_report(self, report: bytes) -> None:
        """Count a report like every other frame, and pass it on."""
        if not self._allowance.take():
            self._refuse_flood("too many frames")
        elif self.take_report:
            self.take_report(report)

    def _refuse_flood(self, reason: str) -> None:
        metrics.FLOODS.inc()
        self._fail_connection(1008, reason)

    def _fail_connection(self, code: int = 1001, reason: str = "going away") -> None:
        """Close the connection, because the screen has sent what it may not send. autobahn calls this method, too.

        autobahn would wait for a second until the screen answers the Close frame, and would parse everything that the
        screen sends until then.
        """
        self.failedByMe = True  # autobahn passes no more messages to the application.
        if self.can_send:
            self.close_with(code, reason)
            self.transport.doWrite()
        self.dropConnection(abort=self.is_buffered)

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
        self.end_writing()
        if self._abort_timer and self._abort_timer.active():
            self._abort_timer.cancel()
        # The result of the Deferred `is_closed` is this object, which refers to the Deferred. Without this cycle,
        # Python frees the memory of a closed connection at once, and not only when the garbage collector runs.
        self.is_closed.addCallback(lambda _: None)
        # If onConnect has refused the handshake, Daphne has not set the attribute `server`. Daphne's onClose would then
        # fail, so it is called only if this attribute is set.
        if hasattr(self, "server"):
            # A stuck screen seldom answers the Close frame, and nothing waits for the answer of a screen that has sent
            # something invalid. autobahn then reports the code 1006. The application must get the code that was sent to
            # the screen instead, which is the real reason.
            if self.was_given_up:
                code = 1013
            elif self.failedByMe:
                code = self.localCloseCode
            super().onClose(wasClean, code, reason)

    def dropConnection(self, abort: bool = False) -> None:
        self._is_clear = False
        was_dropped = self.state == self.STATE_CLOSED
        # autobahn aborts a connection even after both sides have sent a Close frame, and Nginx would log this as an
        # error. Therefore a connection is aborted only if a Close frame is missing.
        super().dropConnection(abort=abort and not self.wasClean)
        if not was_dropped:
            # Unless a connection is aborted, Twisted writes all bytes before it closes the connection. If the screen
            # does not read, Twisted would wait forever. Therefore a timer aborts the connection.
            self._abort_timer = reactor.callLater(FLUSH_SECONDS, self.transport.abortConnection)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Handle a message from the ASGI application. Called by Daphne."""
        if message["type"] == "websocket.close" and self.can_send:
            self.close_with(message.get("code") or 1000, message.get("reason") or "")
        elif message["type"] != "websocket.send" or self.can_send:
            # If the websocket has just been closed, the application may still answer a ping. This answer is dropped.
            super().handle_reply(message)

    def close_with(self, code: int, reason: str) -> None:
        """Send a Close frame.

        Screens reconnect after the close codes 1012 and 1013. The public method `sendClose` of autobahn refuses these
        two codes. Therefore this method calls the internal method `sendCloseFrame`.
        """
        if self.can_send:
            self.sendCloseFrame(code=code, reasonUtf8=reason.encode()[:REASON_BYTES])

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Write the answer to the handshake, the answer to a ping, or a Close frame.

        autobahn writes all its bytes with this method, and each frame with one call. If the screen is stuck, only the
        newest answer to a ping is kept (RFC 6455, section 5.5.3, allows to answer only the newest ping). A Close frame
        is always written, because it is the last frame.
        """
        if self.can_send and data[0] != CLOSE_FRAME:
            self.send_answer(data)
        else:
            self.send_without_fail(data)
