"""The frames: what a websocket client says and hears, without a socket; for asyncio's screens and for Locust's."""

import base64
import re
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SEQ, NUMBER = re.compile(rb'data-seq="(\d+)"'), re.compile(rb'data-num-cashier="(\d+)"')


@dataclass(frozen=True, slots=True)
class Painted:
    """at: seconds of time.monotonic(). till: 0 for "please wait"."""

    at: float
    seq: int
    till: int
    html: str


def painted(at: float, payload: bytes) -> Painted | None:
    """What a text frame has painted; None if it is no repaint."""
    seq = SEQ.search(payload)
    if not seq:
        return None
    number = NUMBER.search(payload)
    return Painted(at, int(seq[1]), int(number[1]) if number else 0, payload.decode())


def handshake(host: str, path: str, origin: str) -> bytes:
    """The request that opens a websocket. origin "": without one."""
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
    """A frame of up to 65,535 bytes, masked as a client's must be (with zeros)."""
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def close_code(payload: bytes) -> int:
    """The code in a Close frame; 1005 if it has none."""
    return int(struct.unpack("!H", payload[:2])[0]) if payload else 1005


class Incoming:
    """Bytes from the server, cut into the answer to the handshake and frames. status: of that answer; 0 before it."""

    def __init__(self) -> None:
        self.status = 0
        self._data = b""

    @property
    def between_frames(self) -> bool:
        """Whether the handshake was answered and no part of a frame waits for the rest."""
        return self.status == 101 and not self._data

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Opcode and payload of each frame that is whole now; none after a refusal."""
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
