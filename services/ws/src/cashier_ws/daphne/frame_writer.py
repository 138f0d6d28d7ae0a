"""Writes frames directly to the socket of a screen, and keeps little for a screen that does not read.

This module uses these internals:

- Twisted: `transport.socket`, `transport.dataBuffer` and `_tempDataBuffer`, `transport.doWrite`.
- autobahn: `state`.
"""

import logging
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as installed_reactor

from cashier_ws import metrics

# The variable `reactor` (Twisted's event loop) has the type Any, because Twisted declares a type that lacks most of the
# reactor's methods.
reactor: Any = installed_reactor
log = logging.getLogger(__name__)


class FrameWriter:
    """The part of ScreenProtocol that writes to the socket of the screen.

    As long as the socket accepts no bytes, the screen is stuck. Only the newest frame and the newest answer are then
    kept for it. After `stuck_seconds`, its connection is closed.
    """

    # A protocol of autobahn has about 50 attributes, which Python keeps in a dictionary. The attributes that each frame
    # needs have slots, because slots are read faster.
    __slots__ = ("__dict__", "_is_clear", "_send")
    _is_clear: bool
    """Whether a frame may be written to the socket at once: the websocket is open, and nothing waits to be written."""
    _send: Callable[[bytes], int]
    """The method `send` of the socket."""

    # ScreenProtocol has these attributes from its other base class, and defines close_with.
    transport: Any
    state: int
    STATE_OPEN: int
    close_with: Callable[[int, str], None]

    stuck_seconds = 10.0
    was_given_up = False
    """Whether the connection was closed because the screen was stuck."""
    _give_up_timer: Any = None
    """The timer that closes the connection. It is set only while the screen is stuck."""
    _newest: bytes | None = None
    """The newest frame for a stuck screen, which is sent when the screen accepts bytes again; None for no frame."""
    _answer: bytes | None = None
    """The newest answer to a ping of a stuck screen; None for no answer."""

    @property
    def can_send(self) -> bool:
        """Whether the websocket is open."""
        return self.state == self.STATE_OPEN

    def begin_writing(self) -> None:
        """Prepare to write. Must be called when the connection is made."""
        self._is_clear, self._send = False, self.transport.socket.send

    def end_writing(self) -> None:
        """Cancel the timer, and write nothing more. Must be called when the connection has ended."""
        self._is_clear = False
        if self._give_up_timer:
            self._give_up_timer.cancel()
            self._give_up_timer = None

    def send_frame(self, frame: bytes) -> None:
        """Write a whole frame directly to the socket, and not through the buffers of autobahn and Twisted.

        In this way, a frame reaches 1,000 screens in 27 ms. With autobahn's prepared messages, it takes 92 ms.
        """
        if self._is_clear or (self.can_send and self._is_writable()):
            if not self._write(frame):
                self._begin_stuck()
        elif self.can_send:
            self._newest = frame

    def send_if_clear(self, frame: bytes) -> None:
        """Write a heartbeat or a command directly to the socket, unless the screen is stuck.

        Bytes that are still buffered show the screen that its connection is alive, so it needs no heartbeat.
        """
        may_write = self._is_clear or (self.can_send and not self._give_up_timer and not self.is_buffered)
        if may_write and not self._write(frame):
            self._begin_stuck()

    def send_answer(self, data: bytes) -> None:
        """Write an answer to a ping. If the screen is stuck, the answer is kept instead of an earlier one."""
        if not self._is_writable():
            self._answer = data
        elif not self._write(data):
            self._begin_stuck()

    def send_without_fail(self, data: bytes) -> None:
        """Write the answer to the handshake, or a Close frame. If the screen is stuck, Twisted keeps these bytes."""
        self._is_clear = False
        if self.is_buffered:
            self.transport.write(data)
        else:
            # With `transport.write`, Twisted would first ask the kernel to tell when the socket accepts bytes. This
            # takes a tenth of the CPU time of a connecting screen.
            self._write(data)

    def _is_writable(self) -> bool:
        """Write what Twisted has buffered. If the socket does not accept all of it, the screen is stuck."""
        if self._is_clear:
            return True
        if self._give_up_timer:
            return False
        if self.is_buffered:
            # Twisted may have buffered earlier bytes, for example a part of the answer to the handshake. They are
            # written now, because they must reach the screen before the next frame.
            self.transport.doWrite()
            if self.is_buffered:
                self._begin_stuck()
                return False
        self._is_clear = self.can_send
        return True

    @property
    def is_buffered(self) -> bool:
        """Whether Twisted has bytes that it has not written yet.

        Twisted has no public method that tells this. Therefore this property reads internal attributes of Twisted.
        """
        return bool(self.transport.dataBuffer or self.transport._tempDataBuffer)

    def _write(self, frame: bytes) -> bool:
        """Write to the socket, and return whether the kernel has accepted all bytes.

        If the kernel has not accepted all bytes, Twisted writes the rest later.
        """
        try:
            sent = self._send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            return True  # If the connection is lost, nothing is done here, because Twisted notices the loss itself.
        if sent == len(frame):
            return True
        self.transport.write(frame[sent:])
        return False

    def _begin_stuck(self) -> None:
        self._is_clear = False
        self._give_up_timer = reactor.callLater(self.stuck_seconds, self._give_up)
        # registerProducer with the argument False makes Twisted call resumeProducing each time it has written all its
        # buffered bytes.
        self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Send the newest answer and the newest frame to a stuck screen.

        Twisted calls this method when it has written all its buffered bytes.
        """
        if self.is_buffered or not self._give_up_timer:
            return
        # Nothing may follow a Close frame.
        frames = (self._answer or b"") + (self._newest or b"") if self.can_send else b""
        self._answer = self._newest = None
        if not frames or self._write(frames):
            self._give_up_timer.cancel()
            self._give_up_timer = None
            self.transport.unregisterProducer()
        else:
            self._give_up_timer.reset(self.stuck_seconds)

    def stopProducing(self) -> None:
        """Do nothing. Twisted calls this method when the connection is lost.

        Later autobahn calls `onClose`, which cancels the timer.
        """

    def _give_up(self) -> None:
        self._give_up_timer = None
        self.was_given_up = True
        metrics.TOO_SLOW.inc()
        log.warning("screen closed: it accepted nothing for %s s", self.stuck_seconds)
        if self.can_send:
            self.close_with(1013, "too slow")
        else:
            # A Close frame was already sent, for example by a drain, and the screen has not accepted it. Therefore the
            # connection is aborted.
            self.transport.abortConnection()
