"""Uploaded videos: MP4 and WebM are recognised by their content, and what cameras add to MP4 is erased."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

EBML = b"\x1a\x45\xdf\xa3"
"""The first bytes of WebM and Matroska files."""
WEBM = re.compile(rb"\x42\x82.{1,8}webm", re.DOTALL)
"""The element with the document type. In a Matroska file its value is "matroska"."""
PLAYED_CODECS = {b"avc1", b"avc3", b"av01", b"vp09"}
"""Codecs in MP4 that all browsers play: H.264, AV1, VP9. Telephones also write H.265, which many don't play."""
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
"""MP4 boxes that contain other boxes, as far as they matter here."""
MOST_BOXES, MOST_DEPTH = 10_000, 8
"""A film of an hour has some 50 boxes, five deep. A file with millions of boxes is an attack that blocks a worker."""
METADATA = {b"udta", b"meta", b"uuid"}
"""MP4 boxes in which cameras write, for example, the place. Players do not need them."""

Box = tuple[bytes, int, int]
"""The type of an MP4 box, and the positions in the file at which its content begins and ends."""


def clean_video(file: IO[bytes]) -> str:
    """Erase the metadata in the file itself. Returns the extension that the file is to have.

    Raises ValidationError if the file is not MP4 or WebM, is incomplete, or has a codec that browsers don't play.
    Whether a television can play the resolution and bitrate is not checked: a screen skips a video that it can't play.
    """
    head = read_at(file, 0, 64)
    if head.startswith(EBML):
        if not WEBM.search(head):
            raise ValidationError(_("Screens cannot play this video. Use MP4 with H.264, or WebM."))
        return "webm"
    boxes = list(islice(mp4_boxes(file, 0, file.seek(0, 2)), MOST_BOXES + 1))
    if len(boxes) > MOST_BOXES:
        raise ValidationError(_("Screens cannot play this video. Use MP4 with H.264, or WebM."))
    kinds = {kind for kind, _begin, _end in boxes}
    if not {b"moov", b"mdat"} <= kinds:
        raise ValidationError(_("This video is incomplete."))
    codecs = {read_at(file, begin + 12, 4) for kind, begin, _end in boxes if kind == b"stsd"}
    if not codecs & PLAYED_CODECS:
        raise ValidationError(_("Screens cannot play this video. Use MP4 with H.264, or WebM."))
    for kind, begin, end in boxes:
        if kind in METADATA:
            erase_box(file, begin, end)
    return "mp4"


def mp4_boxes(file: IO[bytes], begin: int, end: int, depth: int = 0) -> Iterator[Box]:
    """The boxes between two positions in the file, and those inside them.

    Raises ValidationError for a box that does not fit into the box around it, or into the file.
    """
    while begin < end:
        size, kind, head = int.from_bytes(read_at(file, begin, 4), "big"), read_at(file, begin + 4, 4), 8
        if size == 1:  # the size follows in 8 bytes
            size, head = int.from_bytes(read_at(file, begin + 8, 8), "big"), 16
        elif size == 0:  # the box ends with the box around it
            size = end - begin
        if size < head or begin + size > end:
            raise ValidationError(_("This video is incomplete."))
        yield kind, begin + head, begin + size
        if kind in CONTAINERS and depth < MOST_DEPTH:
            yield from mp4_boxes(file, begin + head, begin + size, depth + 1)
        begin += size


def erase_box(file: IO[bytes], begin: int, end: int) -> None:
    """Overwrite the content of a box with zeros, and its type with "free", which players skip."""
    # The type is right before the content, or 8 bytes earlier if a size of 8 bytes is between the two.
    kind_at = begin - 4 if read_at(file, begin - 4, 4) in METADATA else begin - 12
    file.seek(kind_at)
    file.write(b"free")
    file.seek(begin)
    file.write(bytes(end - begin))


def read_at(file: IO[bytes], position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)
