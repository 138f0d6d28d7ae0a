"""Defines the snapshot: a copy of a store's whole timeline in Redis at one moment."""

from dataclasses import dataclass
from typing import Any, Self

from cashier_core.call import Call
from cashier_core.events import Version
from cashier_core.idle import Idle


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of a store's whole timeline in Redis at one moment.

    version: the version of the timeline at this moment.
    seq: the seq of the store's newest call.
    idle: the idle text and the appearance; None if Redis does not know them.
    calls: the calls that have not ended, in the order in which they are shown.
    cancelled: the call_ids of calls that were cancelled recently, so that boards remove these calls, too.
    now_ms: the moment on the timeline's clock, in milliseconds.
    """

    version: Version
    seq: int
    idle: Idle | None
    calls: tuple[Call, ...]
    cancelled: tuple[str, ...] = ()
    now_ms: int = 0

    @classmethod
    def from_reply(cls, reply: Any) -> Self:
        """Parse the reply of `snapshot.lua`. Raises ValueError, TypeError or AttributeError for an invalid reply."""
        epoch, rev, change_id, seq, language, notice, appearance_id, cancelled, now, *calls = reply
        return cls(
            Version(epoch.decode(), int(rev), change_id.decode()),
            int(seq),
            Idle(language.decode(), notice.decode(), appearance_id.decode()) if language else None,
            tuple(_call(fields, now) for fields in calls),
            tuple(call_id.decode() for call_id in cancelled),
            now,
        )


def _call(fields: Any, now: int) -> Call:
    call_id, seq, till, language, starts_in_ms, hold_ms, replaces, label = fields
    return Call(
        call_id.decode(),
        seq,
        till,
        language.decode(),
        starts_in_ms,
        hold_ms,
        bool(replaces),
        label.decode(),
        now + starts_in_ms + hold_ms,
    )
