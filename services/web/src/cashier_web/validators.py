"""Checks of names and colours that people enter."""

import re
from unicodedata import category

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def is_one_line(text: str) -> bool:
    """Whether the text contains no control character and no line break. Every kind of space is allowed."""
    return not any(category(letter) in {"Cc", "Zl", "Zp"} for letter in text)


def check_name(text: str) -> str:
    """Return the name unchanged. Raises ValidationError if it has several lines or looks like a formula.

    Exports contain names, and a spreadsheet would execute a formula.
    """
    if not is_one_line(text):
        raise ValidationError(_("Use one line of text, without control characters."))
    if text.startswith(("=", "+", "-", "@")):
        raise ValidationError(_("A name must not begin with “%(letter)s”.") % {"letter": text[0]})
    return text


LEAST_CONTRAST = 7.0
"""The ratio to 1 that WCAG 2.2 (1.4.6, level AAA) requires for text of any size."""


def check_colour(colour: str) -> None:
    """Raise ValidationError if the colour is not written like #1a2b3c."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValidationError(_("Write a colour like #1a2b3c."))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours like #1a2b3c as WCAG 2.2 defines it: a ratio to 1, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def check_contrast(ink: str, ground: str) -> None:
    """Raise ValidationError if text in the colour `ink` cannot be read well on the colour `ground`."""
    found = contrast(ink, ground)
    if found < LEAST_CONTRAST:
        params = {"found": f"{found:.1f}", "least": f"{LEAST_CONTRAST:g}"}
        raise ValidationError(
            _(
                "These colours have a contrast of %(found)s to 1. "
                "To be readable from a distance they need at least %(least)s to 1."
            )
            % params
        )


def _luminance(colour: str) -> float:
    """The relative luminance of a colour, as WCAG 2.2 defines it: 0 for black, 1 for white."""
    shares = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
