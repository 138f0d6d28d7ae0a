"""The videos that are brought in: MP4 and WebM, told by what is in them, and without where they were taken."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

EBML = b"\x1a\x45\xdf\xa3"
WEBM = re.compile(rb"\x42\x82.{1,8}webm", re.DOTALL)
"""The name of its kind of document; Matroska has another."""
PLAYED = {b"avc1", b"avc3", b"av01", b"vp09"}
"""Codecs of MP4 that browsers play everywhere: H.264, AV1, VP9. Telephones also write H.265, which many don't."""
INSIDE = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}
"""Boxes of MP4 that have boxes in them, as far as they matter here."""
MOST_BOXES, DEEPEST = 10_000, 8
"""An hour of a film has some 50, five deep; one with millions is made to keep a worker from presses."""
TOLD = {b"udta", b"meta", b"uuid"}
"""Boxes of MP4 in which cameras write where they were, and what a player doesn't need."""

Box = tuple[bytes, int, int]
"""Its type, and where in the file its content begins and ends."""


def clean(file: IO[bytes]) -> str:
    """Blanks in the file itself what it tells of its maker; returns the ending that it is to have.

    What codecs and bitrates a television can bear is not known here: a screen skips what it can't play. Raises
    ValidationError for what is no MP4 or WebM, incomplete, or of a codec that browsers don't play.
    """
    head = read(file, 0, 64)
    if head.startswith(EBML):
        if not WEBM.search(head):
            raise ValidationError(_("This is no video that screens play: MP4 with H.264, or WebM."))
        return "webm"
    found = list(islice(boxes(file, 0, file.seek(0, 2)), MOST_BOXES + 1))
    if len(found) > MOST_BOXES:
        raise ValidationError(_("This is no video that screens play: MP4 with H.264, or WebM."))
    kinds = {kind for kind, _begin, _end in found}
    if not {b"moov", b"mdat"} <= kinds:
        raise ValidationError(_("This video is not complete."))
    codecs = {read(file, begin + 12, 4) for kind, begin, _end in found if kind == b"stsd"}
    if not codecs & PLAYED:
        raise ValidationError(_("This is no video that screens play: MP4 with H.264, or WebM."))
    for kind, begin, end in found:
        if kind in TOLD:
            blank(file, begin, end)
    return "mp4"


def boxes(file: IO[bytes], begin: int, end: int, depth: int = 0) -> Iterator[Box]:
    """Those between two places of the file, and those inside them. Raises ValidationError if one doesn't fit in."""
    while begin < end:
        size, kind, head = int.from_bytes(read(file, begin, 4), "big"), read(file, begin + 4, 4), 8
        if size == 1:
            size, head = int.from_bytes(read(file, begin + 8, 8), "big"), 16
        elif size == 0:
            size = end - begin
        if size < head or begin + size > end:
            raise ValidationError(_("This video is not complete."))
        yield kind, begin + head, begin + size
        if kind in INSIDE and depth < DEEPEST:
            yield from boxes(file, begin + head, begin + size, depth + 1)
        begin += size


def blank(file: IO[bytes], begin: int, end: int) -> None:
    """Make free space of a box, which players pass over."""
    kind_at = begin - 4 if read(file, begin - 4, 4) in TOLD else begin - 12  # after which a long size may stand
    file.seek(kind_at)
    file.write(b"free")
    file.seek(begin)
    file.write(bytes(end - begin))


def read(file: IO[bytes], at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
