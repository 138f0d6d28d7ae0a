"""The changes of calls in the entries of the history, and the check that a change can be stored.

The check needs no database. Therefore a change that fails it is itself invalid, and the fault is not the database's.
"""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from cashier_web.models import PastCall


class InvalidChange(Exception):
    """The content of an entry, or one of its changes, is invalid. The text of the exception is the reason."""


def _check_text(text: str) -> str:
    """Refuse a text that a database cannot store. PostgreSQL stores no NUL, and UTF-8 has no lone surrogates."""
    if "\0" in text:
        raise ValueError("the text contains a NUL character")
    text.encode()
    return text


Text = Annotated[str, AfterValidator(_check_text)]
Milliseconds = Annotated[int, Field(ge=0, le=2**43)]
"""A Unix time in milliseconds, until the year 2248."""


class Change(BaseModel):
    """A change of a call that is in the history already. `mark` is the call_id.

    If one of the other values is None, this value has not changed.
    """

    store: Annotated[str, Field(pattern=r"^[-a-zA-Z0-9_]{1,50}$")]
    mark: Annotated[Text, Field(min_length=1, max_length=64)]
    outcome: PastCall.Outcome | None = None
    start: Milliseconds | None = None
    end: Milliseconds | None = None


class NewCall(Change):
    """A new call. `by` is who has pressed, for example "device 7"; it is empty if nobody was signed in."""

    outcome: PastCall.Outcome
    start: Milliseconds
    end: Milliseconds
    pressed: Milliseconds
    seq: Annotated[int, Field(ge=0, le=2**31 - 1)]
    till: Annotated[int, Field(ge=0, le=2**15 - 1)]
    label: Annotated[Text, Field(max_length=20)]
    language: Annotated[Text, Field(max_length=8)]
    again: bool
    by: Annotated[str, Field(pattern=r"^((user|device) [0-9]{1,18})?$")]


def split_entry(content: bytes) -> list[Any]:
    """Return the changes in an entry, which are not checked yet. Raises InvalidChange if the content is not JSON."""
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:  # Too many nested lists cause a RecursionError.
        raise InvalidChange(f"this is not JSON: {error}") from None
    return parsed if isinstance(parsed, list) else [parsed]


def parse_change(change: Any) -> Change:
    """Check one change. Raises InvalidChange, with everything that is wrong."""
    kind = NewCall if isinstance(change, dict) and "seq" in change else Change
    try:
        return kind.model_validate(change)
    except ValidationError as error:
        reasons = (": ".join([*map(str, each["loc"]), each["msg"]]) for each in error.errors())
        raise InvalidChange("; ".join(reasons)) from None
