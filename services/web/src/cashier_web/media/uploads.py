"""Checks the kind, the size and the content of uploaded files.

A file's content decides whether it is a picture or a video, and not the file's name.
"""

from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cashier_web.media.images import clean_image
from cashier_web.media.videos import EBML, clean_video
from cashier_web.models import Medium

Kind = Medium.Kind
MB = 1024 * 1024
MOST_BYTES = {Kind.PICTURE: 8 * MB, Kind.VIDEO: 64 * MB}
"""The highest number of bytes of an uploaded file, by kind.

Nginx allows slightly larger uploads (client_max_body_size in nginx.conf), so that web can refuse a file that is too
large and give the reason.
"""
MOST_BYTES_OF_A_LOGO = 2 * MB


def clean_medium(file: IO[bytes]) -> tuple[Kind, IO[bytes], str]:
    """Check an uploaded picture or video. Returns its kind, the content to store, and the extension of the stored file.

    Raises ValidationError, with the reason, if the file is refused.
    """
    kind = kind_of(file)
    check_size(file, MOST_BYTES[kind])
    if kind == Kind.PICTURE:
        return kind, *clean_image(file)
    return kind, file, clean_video(file)


def clean_logo(file: IO[bytes]) -> tuple[IO[bytes], str]:
    """Check an uploaded logo. Returns the content to store, and the extension of the stored file.

    Raises ValidationError, with the reason, if the file is refused.
    """
    if kind_of(file) != Kind.PICTURE:
        raise ValidationError(_("The file must be a JPEG, PNG or WebP picture."))
    check_size(file, MOST_BYTES_OF_A_LOGO)
    return clean_image(file)


def kind_of(file: IO[bytes]) -> Kind:
    """Find out from the first bytes whether the file is a picture or a video.

    Raises ValidationError if it is neither.
    """
    file.seek(0)
    head = file.read(12)
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (head[:4], head[8:]) == (b"RIFF", b"WEBP"):
        return Kind.PICTURE
    # The letters "qt" in the first bytes of a file mean QuickTime, Apple's variant of MP4. Only browsers on Apple's
    # systems play QuickTime, so the file is refused.
    if head.startswith(EBML) or (head[4:8] == b"ftyp" and head[8:] != b"qt  "):
        return Kind.VIDEO
    raise ValidationError(_("The file must be a JPEG, PNG or WebP picture, or an MP4 or WebM video."))


def check_size(file: IO[bytes], most: int) -> None:
    """Raise ValidationError if the file has more than `most` bytes."""
    if file.seek(0, 2) > most:
        raise ValidationError(_("This file is too large. It may have at most %(most)s MB.") % {"most": most // MB})
    file.seek(0)
