"""Defines a till: its number in its store, and its label if it has one."""

from dataclasses import dataclass

SIZES = (6, 8, 12, 20)
"""The stylesheet has four font sizes for labels: for up to 6, 8, 12 and 20 letters."""


@dataclass(frozen=True, slots=True)
class Till:
    """A till of a store.

    number: 1, 2, 3, ...; a press names the till by this number.
    label: a text that is shown instead of the number, for example "12" or "Pharmacy"; "" if the till has no label.
    """

    number: int
    label: str = ""

    @property
    def word(self) -> str:
        """The label if it is a word such as "Pharmacy"; "" if the till has no label, or a number as its label."""
        return "" if self.label.isdecimal() else self.label

    @property
    def digits(self) -> str:
        """The number that screens show: the label if it is a number, otherwise the till's own number."""
        return self.label if self.label.isdecimal() else str(self.number)

    @property
    def size(self) -> str:
        """The CSS class that gives the till's number or label the largest font size that fits on the screen.

        For example, `digits-2` is for a number of two digits, and `letters-12` is for a label of 9 to 12 letters.
        """
        if self.word:
            return f"letters-{next((size for size in SIZES if len(self.word) <= size), SIZES[-1])}"
        return f"digits-{len(self.digits)}"
