"""Checks of what people type: names and colours."""

import re
from unicodedata import category

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def is_one_line(text: str) -> bool:
    """Whether there is no control character or end of a line in it; any kind of space is none."""
    return not any(category(letter) in {"Cc", "Zl", "Zp"} for letter in text)


def check_name(text: str) -> str:
    """A name that somebody typed, as it is. Raises ValidationError for one in several lines, and for what a spreadsheet
    that opens an export would take for a formula.
    """
    if not is_one_line(text):
        raise ValidationError(_("Only letters, in one line."))
    if text.startswith(("=", "+", "-", "@")):
        raise ValidationError(_("A name doesn't begin with “%(letter)s”.") % {"letter": text[0]})
    return text


LEAST_CONTRAST = 7.0
"""WCAG 2.2, 1.4.6 (AAA): to 1 at the least, for letters of any size."""


def check_colour(colour: str) -> None:
    """Raise ValidationError for what isn't written like #1a2b3c."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValidationError(_("A colour is written like #1a2b3c."))


def contrast(one: str, other: str) -> float:
    """From 1 to 21, of two colours like #1a2b3c; as WCAG 2.2 defines it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def check_contrast(ink: str, ground: str) -> None:
    """Raise ValidationError if one can't be read on the other."""
    found = contrast(ink, ground)
    if found < LEAST_CONTRAST:
        told = {"found": f"{found:.1f}", "least": f"{LEAST_CONTRAST:g}"}
        raise ValidationError(
            _("These colours have a contrast of %(found)s to 1; to be read from afar they need %(least)s.") % told
        )


def _luminance(colour: str) -> float:
    shares = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
