"""Checks of names and colours that people enter."""

import re
from unicodedata import category

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def is_one_line(text: str) -> bool:
    """Whether the text contains neither control characters nor line breaks. Every kind of space is allowed."""
    return not any(category(letter) in {"Cc", "Zl", "Zp"} for letter in text)


def check_name(text: str) -> str:
    """Return the name unchanged. Raises ValidationError if the name has several lines or looks like a formula.

    Names are exported as CSV, and a spreadsheet program would execute a name that looks like a formula.
    """
    if not is_one_line(text):
        raise ValidationError(_("Use one line of text, without control characters."))
    if text.startswith(("=", "+", "-", "@")):
        raise ValidationError(_("A name must not begin with “%(letter)s”.") % {"letter": text[0]})
    return text


LEAST_CONTRAST = 7.0
"""The lowest contrast that WCAG 2.2 (1.4.6, level AAA) allows for text of any size: 7 to 1."""


def check_colour(colour: str) -> None:
    """Raise ValidationError if the colour is not written like #1a2b3c."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValidationError(_("Write a colour like #1a2b3c."))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours like #1a2b3c, as WCAG 2.2 defines it.

    The result is between 1 (equal colours) and 21 (black and white).
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def check_contrast(ink: str, ground: str) -> None:
    """Raise ValidationError if text in the colour `ink` is hard to read on a background in the colour `ground`."""
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
