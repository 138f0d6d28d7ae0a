"""The names that people type: of devices, screens and people."""

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
