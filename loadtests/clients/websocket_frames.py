"""Builds and parses the bytes that a websocket client sends and receives. This module opens no sockets.

The simulated screens on asyncio and the simulated screens on gevent use it.
"""

import base64
import re
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
PARTS = re.compile(rb"\r\nX-Parts: ([^\r]*)", re.IGNORECASE)
SEQ, NUMBER = re.compile(rb'data-seq="(\d+)"'), re.compile(rb'data-num-cashier="(\d+)"')
CALL = re.compile(rb'data-hold-ms="(\d+)".* data-call="(\w+)"')


@dataclass(frozen=True, slots=True)
class Paint:
    """One HTML fragment that a screen has received.

    at: when the screen received it, in seconds of time.monotonic(). till: the number that the fragment shows; 0 for
    "please wait".
    """

    at: float
    seq: int
    till: int
    html: str


def parse_paint(at: float, payload: bytes) -> Paint | None:
    """Return the paint that a text frame contains; None if the text is not a fragment.

    at: when the frame was received. payload: the text.
    """
    seq = SEQ.search(payload)
    if not seq:
        return None
    number = NUMBER.search(payload)
    return Paint(at, int(seq[1]), int(number[1]) if number else 0, payload.decode())


def parse_call(payload: bytes) -> tuple[str, float] | None:
    """Return the call_id of the call that a fragment shows, and for how many more seconds the call is shown.

    Returns None if the fragment shows no call, or if the server does not say the call_id.
    """
    found = CALL.search(payload)
    return (found[2].decode(), int(found[1]) / 1000) if found else None


def handshake(host: str, path: str, origin: str) -> bytes:
    """Return the HTTP request that opens a websocket. If `origin` is empty, the request has no Origin header."""
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
    """Return one websocket frame. payload: at most 65,535 bytes.

    A client must mask its frames. Here the mask is always zero, which leaves the payload unchanged.
    """
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def close_code(payload: bytes) -> int:
    """Return the close code from the payload of a Close frame; 1005 if the payload is empty."""
    return int(struct.unpack("!H", payload[:2])[0]) if payload else 1005


def parts_of(header: str) -> list[str]:
    """Return the parts that the header X-Parts names; an empty list if the header is empty.

    The parts are the process id of Nginx's worker process and the address of the replica.
    """
    if not header:
        return []
    # Nginx names all replicas that it has tried. Only the last one has accepted the connection.
    worker, *_, replica = header.replace(",", " ").split()
    return [worker, replica]


class Incoming:
    """Splits the bytes from a server into the answer to the handshake and the frames that follow.

    status: the HTTP status of the answer to the handshake; 0 until the whole answer has arrived.
    parts: the process id of Nginx's worker process and the address of the replica, if the answer names them.
    """

    def __init__(self) -> None:
        self.status = 0
        self.parts: list[str] = []
        self._data = b""

    @property
    def between_frames(self) -> bool:
        """True if the handshake has succeeded and the buffer contains no incomplete frame."""
        return self.status == 101 and not self._data

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Add bytes from the server. Yield (opcode, payload) of each frame that is complete now.

        After a refused handshake, no frames are yielded.
        """
        self._data += data
        if not self.status:
            head, separator, rest = self._data.partition(b"\r\n\r\n")
            if not separator:
                return
            self.status, self._data = int(head.split()[1]), rest
            if named := PARTS.search(head):
                self.parts = parts_of(named[1].decode())
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
