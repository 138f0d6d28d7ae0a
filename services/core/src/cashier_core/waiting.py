"""The waiting text: what a store's screens say while nobody is called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """language: of "please wait". notice: said in its place, for instance that the store is closed; "" for none."""

    language: str
    notice: str = ""
