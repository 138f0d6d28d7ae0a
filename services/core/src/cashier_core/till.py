"""The till: its number in its store, and what it is called where that is something else."""

from dataclasses import dataclass

SIZES = (6, 8, 12, 20)
"""Letters of a word for which the pages' CSS has a size."""


@dataclass(frozen=True, slots=True)
class Till:
    """number: 1, 2, 3, ..., by which it is pressed. label: "" where it is called by that, "12" or "Pharmacy" if not."""

    number: int
    label: str = ""

    @property
    def word(self) -> str:
        """Its name if that is no number; otherwise ""."""
        return "" if self.label.isdecimal() else self.label

    @property
    def digits(self) -> str:
        """The number that customers look for; of a till that is called by a word, its own."""
        return self.label if self.label.isdecimal() else str(self.number)

    @property
    def size(self) -> str:
        """CSS class by which its name is as large as it can be: `digits-2`, `letters-12`."""
        if self.word:
            return f"letters-{next((size for size in SIZES if len(self.word) <= size), SIZES[-1])}"
        return f"digits-{len(self.digits)}"
