"""The uploads: what may be shown on screens, by what is in it and not by what it is called."""

from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cashier_web.media import images, videos
from cashier_web.models import Medium

Kind = Medium.Kind
MB = 1024 * 1024
MOST_BYTES = {Kind.PICTURE: 8 * MB, Kind.VIDEO: 64 * MB}
"""Nginx lets through a little more: see its configuration."""
MOST_BYTES_OF_A_LOGO = 2 * MB


def medium(file: IO[bytes]) -> tuple[Kind, IO[bytes], str]:
    """What is to be kept of it, and the ending of its file. Raises ValidationError with the reason why nothing is."""
    kind = kind_of(file)
    check_size(file, MOST_BYTES[kind])
    if kind == Kind.PICTURE:
        return kind, *images.clean(file)
    return kind, file, videos.clean(file)


def logo(file: IO[bytes]) -> tuple[IO[bytes], str]:
    """The same of a store's logo."""
    if kind_of(file) != Kind.PICTURE:
        raise ValidationError(_("Only JPEG, PNG and WebP."))
    check_size(file, MOST_BYTES_OF_A_LOGO)
    return images.clean(file)


def kind_of(file: IO[bytes]) -> Kind:
    """Raises ValidationError for what is neither picture nor video."""
    file.seek(0)
    head = file.read(12)
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (head[:4], head[8:]) == (b"RIFF", b"WEBP"):
        return Kind.PICTURE
    # Not Apple's own variant, which browsers elsewhere don't play.
    if head.startswith(videos.EBML) or (head[4:8] == b"ftyp" and head[8:] != b"qt  "):
        return Kind.VIDEO
    raise ValidationError(_("Only JPEG, PNG, WebP, MP4 and WebM."))


def check_size(file: IO[bytes], most: int) -> None:
    if file.seek(0, 2) > most:
        raise ValidationError(_("Too large: at most %(most)s MB.") % {"most": most // MB})
    file.seek(0)
