"""Builds websocket frames. Each frame is built once and sent to many screens."""

import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """What a replica sends to its screens.

    text: an HTML fragment or a heartbeat.
    data: the bytes of a complete websocket frame that contains the text (RFC 6455 section 5.2).
    """

    text: str
    data: bytes

    @classmethod
    def prepare(cls, text: str) -> "Frame":
        """Build the frame. All screens can get the same bytes, because frames from a server are not masked."""
        payload = text.encode()
        size = len(payload)
        fin_and_text = 0x81  # The first byte of a frame: the FIN bit, and the opcode "text".
        if size < 126:
            head = struct.pack("!BB", fin_and_text, size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", fin_and_text, 126, size)
        else:
            head = struct.pack("!BBQ", fin_and_text, 127, size)
        return cls(text, head + payload)
