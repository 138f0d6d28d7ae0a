"""The bytes that a websocket client sends and receives, without a socket.

The asyncio screens and the gevent screens share this code.
"""

import base64
import re
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SEQ, NUMBER = re.compile(rb'data-seq="(\d+)"'), re.compile(rb'data-num-cashier="(\d+)"')


@dataclass(frozen=True, slots=True)
class Paint:
    """One HTML fragment that a screen received.

    at: when it was received, in seconds of time.monotonic(). till: the till whose number is shown; 0 for "please wait".
    """

    at: float
    seq: int
    till: int
    html: str


def parse_paint(at: float, payload: bytes) -> Paint | None:
    """Return the paint that a text frame contains; None if the text is not a fragment. at: when it was received."""
    seq = SEQ.search(payload)
    if not seq:
        return None
    number = NUMBER.search(payload)
    return Paint(at, int(seq[1]), int(number[1]) if number else 0, payload.decode())


def handshake(host: str, path: str, origin: str) -> bytes:
    """Return the HTTP request that opens a websocket. An empty origin leaves the header out."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        *([f"Origin: {origin}"] if origin else []),
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a frame with a payload of up to 65,535 bytes.

    Frames of a client must be masked; the mask is zero, so that the payload stays as it is.
    """
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def close_code(payload: bytes) -> int:
    """Return the code in the payload of a Close frame; 1005 if the payload is empty."""
    return int(struct.unpack("!H", payload[:2])[0]) if payload else 1005


class Incoming:
    """Splits the bytes from a server into the answer to the handshake and frames.

    status: HTTP status of that answer; 0 as long as the answer is incomplete.
    """

    def __init__(self) -> None:
        self.status = 0
        self._data = b""

    @property
    def between_frames(self) -> bool:
        """Whether the handshake has succeeded and no incomplete frame is buffered."""
        return self.status == 101 and not self._data

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Add bytes; yield opcode and payload of each frame that is complete now. A refused handshake has no frames."""
        self._data += data
        if not self.status:
            head, separator, rest = self._data.partition(b"\r\n\r\n")
            if not separator:
                return
            self.status, self._data = int(head.split()[1]), rest
        while self.status == 101 and (found := self._next()):
            yield found

    def _next(self) -> tuple[int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size == 126:
            if len(data) < 4:
                return None
            size, start = struct.unpack("!H", data[2:4])[0], 4
        if len(data) < start + size:
            return None
        self._data = data[start + size :]
        return data[0] & 0x0F, data[start : start + size]
