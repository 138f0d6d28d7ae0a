"""Checks of uploaded files: kind, size and content. The kind is recognised by the content, not by the file's name."""

from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cashier_web.media.images import clean_image
from cashier_web.media.videos import EBML, clean_video
from cashier_web.models import Medium

Kind = Medium.Kind
MB = 1024 * 1024
MOST_BYTES = {Kind.PICTURE: 8 * MB, Kind.VIDEO: 64 * MB}
"""Nginx allows slightly larger uploads (client_max_body_size in nginx.conf), so that this code can give the reason."""
MOST_BYTES_OF_A_LOGO = 2 * MB


def clean_medium(file: IO[bytes]) -> tuple[Kind, IO[bytes], str]:
    """The kind of the file, the content to store, and its extension. Raises ValidationError with the reason."""
    kind = kind_of(file)
    check_size(file, MOST_BYTES[kind])
    if kind == Kind.PICTURE:
        return kind, *clean_image(file)
    return kind, file, clean_video(file)


def clean_logo(file: IO[bytes]) -> tuple[IO[bytes], str]:
    """The content of a logo to store, and its extension. Raises ValidationError with the reason."""
    if kind_of(file) != Kind.PICTURE:
        raise ValidationError(_("The file must be a JPEG, PNG or WebP picture."))
    check_size(file, MOST_BYTES_OF_A_LOGO)
    return clean_image(file)


def kind_of(file: IO[bytes]) -> Kind:
    """Whether the file is a picture or a video, by its first bytes. Raises ValidationError if it is neither."""
    file.seek(0)
    head = file.read(12)
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (head[:4], head[8:]) == (b"RIFF", b"WEBP"):
        return Kind.PICTURE
    # "qt  " is QuickTime, Apple's variant of MP4, which browsers of other systems do not play.
    if head.startswith(EBML) or (head[4:8] == b"ftyp" and head[8:] != b"qt  "):
        return Kind.VIDEO
    raise ValidationError(_("The file must be a JPEG, PNG or WebP picture, or an MP4 or WebM video."))


def check_size(file: IO[bytes], most: int) -> None:
    """Raise ValidationError if the file has more than `most` bytes."""
    if file.seek(0, 2) > most:
        raise ValidationError(_("This file is too large. It may have at most %(most)s MB.") % {"most": most // MB})
    file.seek(0)
