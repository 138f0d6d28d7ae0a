"""Uploaded pictures are drawn anew, at most as large as a screen can show. The uploaded file itself is not stored."""

import threading
from io import BytesIO
from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
"""The accepted formats. SVG is not accepted, because an SVG file may contain a script."""
MOST_PIXELS = 40_000_000
"""A PNG of a few KB may unpack to a picture that fills all memory."""
MOST_WIDE = 3840
"""Pixels of width and height. A larger picture would only fill a television's memory."""
QUALITY = 90

# Larger pictures are refused below, with a reason. Pillow's own limit would raise a warning first.
Image.MAX_IMAGE_PIXELS = None
one_at_a_time = threading.Lock()
"""Drawing one picture may take some 300 MB for a moment."""


def clean_image(file: IO[bytes]) -> tuple[BytesIO, str]:
    """The picture drawn anew, and the extension of its file.

    The new picture is upright, and has none of the data that cameras add, such as the place. An animation becomes its
    first frame. Raises ValidationError for a picture that is too large, broken, or not a JPEG, PNG or WebP.
    """
    try:
        with one_at_a_time, Image.open(file, formats=list(EXTENSIONS)) as image:
            if image.width * image.height > MOST_PIXELS:
                most = MOST_PIXELS // 1_000_000
                raise ValidationError(
                    _("This picture is too large. It may have at most %(most)s million pixels.") % {"most": most}
                )
            return redraw(image)
    except ValidationError:
        raise
    except Exception as fault:  # Pillow documents no common exception class
        raise ValidationError(_("This file is not a readable JPEG, PNG or WebP picture.")) from fault


def redraw(image: Image.Image) -> tuple[BytesIO, str]:
    """The picture in the same format, and its extension. Of all additional data, only the colour profile is kept."""
    # MPO, which some telephones write, is a JPEG file with a second picture in it.
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    image.thumbnail((MOST_WIDE, MOST_WIDE))  # Pillow decodes a large JPEG directly at about this size
    upright = ImageOps.exif_transpose(image)
    mode = "RGBA" if upright.has_transparency_data else "RGB"
    # A profile fits only the colour mode that it was made for.
    profile = upright.info.get("icc_profile") if upright.mode in {"RGB", "RGBA"} else None
    fresh = upright.convert(mode)
    fresh.info.clear()  # Pillow would write some of this data into the new file
    target = BytesIO()
    fresh.save(target, kind, quality=QUALITY, icc_profile=profile)
    target.seek(0)
    return target, EXTENSIONS[kind]
