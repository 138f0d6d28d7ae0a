"""Checks uploaded videos, and erases the metadata that cameras write into MP4 files.

The formats MP4 and WebM are recognised by a file's content.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

EBML = b"\x1a\x45\xdf\xa3"
"""The first bytes of WebM and Matroska files."""
WEBM = re.compile(rb"\x42\x82.{1,8}webm", re.DOTALL)
"""A pattern that finds the document type "webm" in a WebM file.

A Matroska file begins with the same bytes as a WebM file, but its document type is "matroska".
"""
PLAYED_CODECS = {b"avc1", b"avc3", b"av01", b"vp09"}
"""The codecs in MP4 files that all browsers play: H.264, AV1 and VP9.

Telephones also write H.265, which many browsers do not play.
"""
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
"""The types of MP4 boxes (parts of the file) in which `mp4_boxes` searches for other boxes."""
MOST_BOXES, MOST_DEPTH = 10_000, 8
"""Two limits for MP4 files. MP4 files consist of boxes, and a box may contain other boxes.

A file with more than MOST_BOXES boxes is refused. The contents of a box that is inside MOST_DEPTH other boxes are not
searched. A film of an hour has about 50 boxes, in five levels. A file with millions of boxes could be an attack that
keeps a worker process busy.
"""
METADATA = {b"udta", b"meta", b"uuid"}
"""The MP4 boxes with metadata, for example the place where the video was taken. Players do not need these boxes."""

Box = tuple[bytes, int, int]
"""A box, which is a part of an MP4 file: its type, and the positions in the file at which its content begins and
ends."""


def clean_video(file: IO[bytes]) -> str:
    """Check a video, and erase its metadata in the file itself. Returns the extension of the stored file.

    Raises ValidationError if the file is not MP4 or WebM, is incomplete, or has a codec that browsers don't play. The
    resolution and the bitrate are not checked, because a screen skips a video that it cannot play.
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
    """Yield the boxes (parts of an MP4 file) between two positions in the file, and the boxes inside these boxes.

    Raises ValidationError if a box is longer than the box around it, or longer than the file.
    """
    while begin < end:
        size, kind, head = int.from_bytes(read_at(file, begin, 4), "big"), read_at(file, begin + 4, 4), 8
        if size == 1:  # The size 1 means that the real size is in the 8 bytes after the type.
            size, head = int.from_bytes(read_at(file, begin + 8, 8), "big"), 16
        elif size == 0:  # The size 0 means that the box ends where the outer box or the file ends.
            size = end - begin
        if size < head or begin + size > end:
            raise ValidationError(_("This video is incomplete."))
        yield kind, begin + head, begin + size
        if kind in CONTAINERS and depth < MOST_DEPTH:
            yield from mp4_boxes(file, begin + head, begin + size, depth + 1)
        begin += size


def erase_box(file: IO[bytes], begin: int, end: int) -> None:
    """Overwrite the content of a box (a part of an MP4 file) with zeros, and its type with "free".

    Players skip boxes of the type "free".
    """
    # In most boxes of an MP4 file, the 4 bytes of the type are directly before the content. In a large box, 8 bytes
    # with the size are between the type and the content, so the type begins 12 bytes before the content.
    kind_at = begin - 4 if read_at(file, begin - 4, 4) in METADATA else begin - 12
    file.seek(kind_at)
    file.write(b"free")
    file.seek(begin)
    file.write(bytes(end - begin))


def read_at(file: IO[bytes], position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)
