"""The paint: what a board puts on its screens, rendered and framed once for all of them."""

import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paint:
    """text: the fragment. frame: the same as a whole websocket frame (RFC 6455 §5.2)."""

    text: str
    frame: bytes

    @classmethod
    def of(cls, text: str) -> "Paint":
        payload = text.encode()
        size = len(payload)
        # FIN and opcode "text"; a server's frame carries no mask, so every socket can be given the same bytes.
        if size < 126:
            head = struct.pack("!BB", 0x81, size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", 0x81, 126, size)
        else:
            head = struct.pack("!BBQ", 0x81, 127, size)
        return cls(text, head + payload)
