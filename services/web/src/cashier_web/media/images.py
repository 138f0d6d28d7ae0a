"""The pictures that are brought in: kept is not the file but what is seen on it, as large as a screen can show."""

import threading
from io import BytesIO
from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
"""No SVG, which may have script in it."""
MOST_PIXELS = 40_000_000
"""A few KB of PNG may be a picture that takes all memory."""
MOST_WIDE = 3840
"""Of a screen; more would only take a television's memory."""
QUALITY = 90

# What is too large is refused here, with the reason; Pillow's own limit would warn first.
Image.MAX_IMAGE_PIXELS = None
one_at_a_time = threading.Lock()
"""Each may take some 300 MB for a moment."""


def clean(file: IO[bytes]) -> tuple[BytesIO, str]:
    """The picture anew: upright, and without what cameras write beside it, as where it was taken. With its ending.

    Of one that moves, its first frame. Raises ValidationError for what is no JPEG, PNG or WebP, broken or too large.
    """
    try:
        with one_at_a_time, Image.open(file, formats=list(ENDINGS)) as found:
            if found.width * found.height > MOST_PIXELS:
                most = MOST_PIXELS // 1_000_000
                raise ValidationError(_("This picture is too large: at most %(most)s million pixels.") % {"most": most})
            return redraw(found)
    except ValidationError:
        raise
    except Exception as fault:  # Pillow names no others; whatever it is, this can't be shown
        raise ValidationError(_("This is no picture that can be read: JPEG, PNG or WebP.")) from fault


def redraw(found: Image.Image) -> tuple[BytesIO, str]:
    """The picture in its own format, with its colours' profile alone."""
    kind = "JPEG" if found.format == "MPO" else str(found.format)  # with a second one in it, as telephones write
    found.thumbnail((MOST_WIDE, MOST_WIDE))  # of a JPEG it doesn't even read more than that
    upright = ImageOps.exif_transpose(found)
    mode = "RGBA" if upright.has_transparency_data else "RGB"
    # A profile is for its own kind of colours.
    profile = upright.info.get("icc_profile") if upright.mode in {"RGB", "RGBA"} else None
    fresh = upright.convert(mode)
    fresh.info.clear()  # of which some would be written, too
    target = BytesIO()
    fresh.save(target, kind, quality=QUALITY, icc_profile=profile)
    target.seek(0)
    return target, ENDINGS[kind]
