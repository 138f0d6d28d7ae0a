"""Websocket frames that are built once and sent to all screens of a board."""

import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """fragment: the HTML. data: the same HTML as a whole websocket frame (RFC 6455 section 5.2)."""

    fragment: str
    data: bytes

    @classmethod
    def prepare(cls, fragment: str) -> "Frame":
        """Build the frame. A server's frame has no mask, so all sockets can get the same bytes."""
        payload = fragment.encode()
        size = len(payload)
        fin_and_text = 0x81  # the FIN bit and the opcode "text"
        if size < 126:
            head = struct.pack("!BB", fin_and_text, size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", fin_and_text, 126, size)
        else:
            head = struct.pack("!BBQ", fin_and_text, 127, size)
        return cls(fragment, head + payload)
