"""Checks uploaded pictures and encodes them again, at most as large as a screen can show.

Only the newly encoded picture is stored, and not the uploaded file.
"""

import threading
from io import BytesIO
from typing import IO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
"""The accepted formats. SVG is not accepted, because an SVG file may contain a script."""
MOST_PIXELS = 40_000_000
"""The highest number of pixels that an uploaded picture may have.

Without a limit, a PNG file of a few KB could fill all memory when it is decoded.
"""
MOST_WIDE = 3840
"""The highest width and height of a stored picture, in pixels.

Larger pictures are scaled down, because they would only fill a television's memory.
"""
QUALITY = 90

# Pillow's own limit of pixels would raise a warning. The limit is turned off, because `clean_image` refuses pictures
# with too many pixels and gives the reason.
Image.MAX_IMAGE_PIXELS = None
one_at_a_time = threading.Lock()
"""A worker process holds this lock while it decodes a picture. Decoding can take about 300 MB of memory, so a worker
process decodes only one picture at a time."""


def clean_image(file: IO[bytes]) -> tuple[BytesIO, str]:
    """Check the picture and encode it again. Returns the new picture and the extension of its file.

    The new picture is upright, and has no metadata from a camera, such as the place where the picture was taken. Of an
    animation, only the first frame is kept. Raises ValidationError for a picture that is too large, broken, or not a
    JPEG, PNG or WebP.
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
    except Exception as fault:
        # Every exception is caught, because Pillow documents no common base class for its exceptions.
        raise ValidationError(_("This file is not a readable JPEG, PNG or WebP picture.")) from fault


def redraw(image: Image.Image) -> tuple[BytesIO, str]:
    """Encode the picture again in its format. Returns the new picture and its extension.

    Of all metadata, only the colour profile is kept.
    """
    # Some telephones write pictures in the format MPO. An MPO file is a JPEG file that contains a second picture. The
    # new file is a JPEG file with only the first picture.
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    image.thumbnail((MOST_WIDE, MOST_WIDE))
    upright = ImageOps.exif_transpose(image)
    mode = "RGBA" if upright.has_transparency_data else "RGB"
    # A colour profile is only valid for the colour mode for which it was made, so it is dropped if the mode changes.
    profile = upright.info.get("icc_profile") if upright.mode in {"RGB", "RGBA"} else None
    fresh = upright.convert(mode)
    # Remove the metadata of the uploaded picture. Otherwise Pillow would write the metadata into the new file.
    fresh.info.clear()
    target = BytesIO()
    fresh.save(target, kind, quality=QUALITY, icc_profile=profile)
    target.seek(0)
    return target, EXTENSIONS[kind]
