"""The snapshot: a store's timeline as it is in Redis at one moment."""

from dataclasses import dataclass
from typing import Any, Self

from cashier_core.call import Call
from cashier_core.events import Version
from cashier_core.idle import Waiting


@dataclass(frozen=True, slots=True)
class Snapshot:
    """calls: those that have not ended. cancelled: marks of those that were taken back before they began."""

    version: Version
    seq: int
    waiting: Waiting | None
    calls: tuple[Call, ...]
    cancelled: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Any) -> Self:
        """What `snapshot.lua` answered. Raises ValueError, TypeError or AttributeError for anything else."""
        epoch, rev, mark, seq, language, notice, look, cancelled, *calls = answer
        return cls(
            Version(epoch.decode(), int(rev), mark.decode()),
            int(seq),
            Waiting(language.decode(), notice.decode(), look.decode()) if language else None,
            tuple(
                Call(
                    name.decode(),
                    call_seq,
                    till,
                    spoken.decode(),
                    starts_in_ms,
                    hold_ms,
                    bool(replaces),
                    label.decode(),
                )
                for name, call_seq, till, spoken, starts_in_ms, hold_ms, replaces, label in calls
            ),
            tuple(mark.decode() for mark in cancelled),
        )
