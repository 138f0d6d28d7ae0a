"""A till: its number in its store, and its label if it has one."""

from dataclasses import dataclass

SIZES = (6, 8, 12, 20)
"""Numbers of letters for which the CSS has a font size."""


@dataclass(frozen=True, slots=True)
class Till:
    """number: 1, 2, 3, ...; buttons and devices press this number.

    label: shown instead of the number, for example "12" or "Pharmacy"; "" if the till has no label.
    """

    number: int
    label: str = ""

    @property
    def word(self) -> str:
        """The label, if it is a word; "" if the till is called by a number."""
        return "" if self.label.isdecimal() else self.label

    @property
    def digits(self) -> str:
        """The label, if it is a number; otherwise the till's own number."""
        return self.label if self.label.isdecimal() else str(self.number)

    @property
    def size(self) -> str:
        """CSS class that gives the till's name the largest font size that fits: `digits-2`, `letters-12`."""
        if self.word:
            return f"letters-{next((size for size in SIZES if len(self.word) <= size), SIZES[-1])}"
        return f"digits-{len(self.digits)}"
