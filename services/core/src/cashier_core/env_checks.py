"""The checks: what the value of a variable may be."""

import re
from collections.abc import Callable
from typing import Any

from environs import ValidationError, validate

Check = Callable[[Any], Any]
"""Raises ValidationError with the reason."""


def scheme(*allowed: str) -> Check:
    """Check that a value is a URL of one of these schemes."""

    def check(value: str) -> None:
        if value.partition("://")[0] not in allowed or "://" not in value:
            raise ValidationError(f"must start with {' or '.join(f'{name}://' for name in allowed)}")

    return check


def between(low: float, high: float) -> Check:
    """Check that a number is from `low` to `high`, both included."""
    return validate.Range(min=low, max=high, error=f"must be from {low} to {high}")


def host_names(names: list[str]) -> None:
    """Check that there are names, each of them a host without a port."""
    if not names or "" in names:
        raise ValidationError("has an empty name in it")
    for name in names:
        if not re.fullmatch(r"\*|\.?[\w.-]+|\[[0-9a-fA-F:.]+\]", name):
            raise ValidationError(f"{name!r} is no name of a host; a port doesn't belong to it")


KEY = validate.Length(min=32, error="must be at least 32 characters long")
