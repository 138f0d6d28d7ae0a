"""The schemas: what devices say and are told, as OpenAPI has it."""

from typing import Annotated, Literal

from ninja import Field, Header, Path, Schema
from pydantic import ConfigDict

from cashier_core.call import LANGUAGES

Slug = Annotated[str, Path(pattern=r"^[-a-zA-Z0-9_]+$", max_length=50, description="The store's name in addresses.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,200}$",
        description="The same for each try of one press: within an hour it is called once, and answered as before.",
    ),
]


class Problem(Schema):
    """detail: the reason, for people, in the store's language."""

    detail: str


class Press(Schema):
    """till: 1, 2, 3, ...; of a device of one till it is that one. again: the same customer is called once more."""

    model_config = ConfigDict(extra="forbid", strict=True)
    till: Annotated[int | None, Field(ge=1, le=99)] = None
    language: Annotated[Literal[tuple(LANGUAGES)] | None, Field(description="The store's own without it.")] = None  # type: ignore[valid-type]
    again: bool = False


class Receipt(Schema):
    """place: 1 is up now, 2 is next. text: the same for people."""

    outcome: Literal["called", "waits", "waits already", "stays up"]
    seq: int
    till: int
    place: int
    starts_in_ms: int
    text: str


class OneCall(Schema):
    """seq: 1, 2, 3, ... in its store. label: the till's, if it isn't called by its number."""

    seq: int
    till: int
    label: str
    language: str
    starts_in_ms: int
    ends_in_ms: int


class Calls(Schema):
    """What a store's screens show now, and what they will show, in that order."""

    store: str
    is_open: bool
    up: OneCall | None
    waiting: list[OneCall]
