"""The waiting text: what a store's screens say while nobody is called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """language: of "please wait". notice: said in its place, for instance that the store is closed; "" for none.

    look: id of what the store's screens look like now, which web knows; a page that looks otherwise takes it up. ""
    when nobody has told it.
    """

    language: str
    notice: str = ""
    look: str = ""
