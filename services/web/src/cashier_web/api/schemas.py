"""The schemas: what devices say and are told, as OpenAPI has it."""

from typing import Annotated, Literal, Self

from ninja import Field, Header, Path, Schema
from pydantic import ConfigDict

from cashier_core import timeline
from cashier_core.call import LANGUAGES, Call
from cashier_core.till import Till
from cashier_web.calls import receipts

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
    """detail: the reason, for people."""

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

    @classmethod
    def of(cls, receipt: timeline.Receipt, till: Till) -> Self:
        """In words of the active language."""
        return cls(
            outcome=receipt.outcome,
            seq=receipt.seq,
            till=till.number,
            place=receipt.place,
            starts_in_ms=receipt.starts_in_ms,
            text=receipts.text(receipt, till),
        )


class OneCall(Schema):
    """seq: 1, 2, 3, ... in its store. label: the till's, if it isn't called by its number."""

    seq: int
    till: int
    label: str
    language: str
    starts_in_ms: int
    ends_in_ms: int

    @classmethod
    def of(cls, call: Call) -> Self:
        return cls(
            seq=call.seq,
            till=call.till,
            label=call.label,
            language=call.language,
            starts_in_ms=call.starts_in_ms,
            ends_in_ms=call.starts_in_ms + call.hold_ms,
        )


class Calls(Schema):
    """What a store's screens show now, and what they will show, in that order."""

    store: str
    is_open: bool
    up: OneCall | None
    waiting: list[OneCall]
