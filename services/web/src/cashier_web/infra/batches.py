"""Divides many values into batches. Python's own function `itertools.batched` needs Python 3.12."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the values in lists of `size` values. The last list may be shorter."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
