"""A report is read from its frame without autobahn. Every other frame is left to autobahn."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashier_ws.daphne.report_frame import MAX_MESSAGE, read_report


def masked_frame(payload: bytes, mask: bytes = b"\x01\x02\xfe\xff", first: int = 0x81) -> bytes:
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
    return bytes([first]) + length + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


@given(st.binary(max_size=MAX_MESSAGE - 1), st.binary(min_size=4, max_size=4))
def test_a_report_is_unmasked(rest, mask) -> None:
    if len(rest) + 1 >= 2:
        assert read_report(masked_frame(b"{" + rest, mask)) == b"{" + rest


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        masked_frame(b"ping"),
        masked_frame(b"{" * (MAX_MESSAGE + 1)),
        masked_frame(b"{}", first=0x82),
        masked_frame(b"{}", first=0x01),
        masked_frame(b"{}", first=0xC1),
        masked_frame(b"{}") + b"\x81",
        masked_frame(b"{}" * 80)[:-1],
        b"\x81\x02{}" + b"\0" * 8,
        b"\x81\xff" + struct.pack("!Q", 2) + b"\0\0\0\0{}",
        b"\x81\xff{\1\2\3\0\0\0\0" + b"x" * 123,
        b"\x81\xfe" + struct.pack("!H", 2) + b"\0\0\0\0{}",
    ],
    ids=[
        *("nothing", "one byte", "ping", "too long", "binary", "first fragment", "compressed"),
        *("followed by another frame", "incomplete", "not masked", "length in eight bytes"),
        *("first byte of a long length", "short length in two bytes"),
    ],
)
def test_everything_else_is_left_to_autobahn(data) -> None:
    assert read_report(data) is None
