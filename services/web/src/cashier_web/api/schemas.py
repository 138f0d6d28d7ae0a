"""The schemas of the API's requests and responses. Their docstrings and descriptions appear in the OpenAPI document."""

from typing import Annotated, Literal, Self

from ninja import Field, Header, Path, Schema
from pydantic import ConfigDict

from cashier_core import timeline
from cashier_core.call import LANGUAGES, Call
from cashier_core.till import Till
from cashier_web.calls.receipts import receipt_text

Slug = Annotated[str, Path(pattern=r"^[-a-zA-Z0-9_]+$", max_length=50, description="The store's name in addresses.")]
CallId = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-zA-Z]{1,64}$",
        description="The `id` in the receipt of the press. The `seq` is still accepted for calls of the same device, "
        "but not within an hour after the server has lost its calls, because other calls then get the same `seq`.",
    ),
]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,200}$",
        description="The same key for each attempt of one press. Within an hour, a repeated key calls nobody again and "
        "gets the same answer as before.",
    ),
]


class Problem(Schema):
    """The response to a request that was refused. detail: the reason, as text for people."""

    detail: str


class Press(Schema):
    """A request to call. till: the number of a till (1, 2, 3, ...); a device of one till may omit it.

    again: true if the same customer is called once more.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    till: Annotated[int | None, Field(ge=1, le=99)] = None
    language: Annotated[Literal[tuple(LANGUAGES)] | None, Field(description="Default: the store's language.")] = None  # type: ignore[valid-type]
    again: bool = False


class Receipt(Schema):
    """What became of a press. place: 1 if the call is on the screen now, 2 if it comes next, and so on.

    text: the receipt as a sentence for people. id: identifies the call; it never belongs to another call.
    """

    outcome: Literal["called", "waits", "waits already", "stays up"]
    id: str
    seq: int
    till: int
    place: int
    starts_in_ms: int
    text: str

    @classmethod
    def from_receipt(cls, receipt: timeline.Receipt, till: Till) -> Self:
        """Create the API's receipt, with `text` in the active language."""
        return cls(
            outcome=receipt.outcome,
            id=receipt.call_id,
            seq=receipt.seq,
            till=till.number,
            place=receipt.place,
            starts_in_ms=receipt.starts_in_ms,
            text=receipt_text(receipt, till),
        )


class OneCall(Schema):
    """A call. id: identifies the call. seq: the number of the call in its store (1, 2, 3, ...).

    label: the label of the till; empty if the screens show the number of the till.
    """

    id: str
    seq: int
    till: int
    label: str
    language: str
    starts_in_ms: int
    ends_in_ms: int

    @classmethod
    def from_call(cls, call: Call) -> Self:
        return cls(
            id=call.call_id,
            seq=call.seq,
            till=call.till,
            label=call.label,
            language=call.language,
            starts_in_ms=call.starts_in_ms,
            ends_in_ms=call.starts_in_ms + call.hold_ms,
        )


class Calls(Schema):
    """The calls of a store that have not ended. up: the call that is on the store's screens now, if any.

    waiting: the calls that come next, in this order.
    """

    store: str
    is_open: bool
    up: OneCall | None
    waiting: list[OneCall]
