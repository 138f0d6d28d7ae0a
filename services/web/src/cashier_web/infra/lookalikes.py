"""Finds texts that a spreadsheet program has probably damaged, such as `42` for `0042`, or `ZÃ¼rich` for `Zürich`.

The caller asks a person whether such a text is meant, because it may be right.
"""

import re
from collections.abc import Iterable
from unicodedata import normalize

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class Lookalikes:
    """A collection of names, which finds the name that resembles a new name."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {_skeleton(name): name for name in names}

    def find(self, name: str) -> str | None:
        """Return a name that resembles the new name and differs from it, or None."""
        found = self._names.get(_skeleton(name))
        return None if found == name else found

    def add(self, name: str) -> None:
        self._names.setdefault(_skeleton(name), name)


def _skeleton(name: str) -> str:
    """Return a text that is equal for all names that resemble each other.

    Names resemble each other if they differ only in zeros at the beginning of numbers, in capitals, or in spaces,
    hyphens, underscores and dots. A name also resembles a damaged copy of itself that was read in a wrong encoding.
    """
    text = normalize("NFKC", repair_encoding(name)).casefold()
    text = re.sub(r"[\s_.\-]+", "-", text)
    return re.sub(r"\d+", lambda digits: digits[0].lstrip("0") or "0", text)


def repair_encoding(text: str) -> str:
    """Return "Zürich" for "ZÃ¼rich". Any other text is returned as it is.

    "ZÃ¼rich" is what a program shows that reads UTF-8 as if it were Windows-1252.
    """
    try:
        return b"".join(map(_windows_byte, text)).decode("utf-8")
    except UnicodeError:
        return text


def is_damaged(text: str) -> bool:
    """Whether the text was read in a wrong encoding. U+FFFD takes the place of a character that could not be read."""
    return "\ufffd" in text or repair_encoding(text) != text


def _windows_byte(letter: str) -> bytes:
    """Return the byte that stands for the character in Windows-1252.

    Five bytes stand for no character in Python's codec. Windows uses these bytes, too.
    """
    return bytes([ord(letter)]) if letter in "\x81\x8d\x8f\x90\x9d" else letter.encode("cp1252")


class LookalikeForm(forms.Form):
    """Base class of a form that creates something with a new name, and asks if the name resembles an existing name.

    `is_confirmed`: whether the person has said that the name is meant. The box is hidden until it is needed.
    Subclasses call `check_lookalike` in their method `clean`.
    """

    is_confirmed = forms.BooleanField(
        label=gettext_lazy("The name is right, it is a new one."), required=False, widget=forms.HiddenInput
    )

    def check_lookalike(self, field: str, names: Iterable[str]) -> None:
        """Add an error to the field if its value resembles one of the names, and the person has not confirmed it."""
        name = self.cleaned_data.get(field)
        if name and not self.cleaned_data.get("is_confirmed") and (found := Lookalikes(names).find(name)):
            self.fields["is_confirmed"].widget = forms.CheckboxInput()
            params = {"new": name, "old": found}
            self.add_error(field, _("“%(new)s” is new, but it resembles “%(old)s”. Confirm that it is right.") % params)
