"""The playlist: when each call of a store is shown, on the monotonic clock of one replica.

The playlist only computes. It gets the current time, in seconds, as an argument, so that tests need not wait.
"""

from collections import deque
from dataclasses import dataclass

from cashier_core.call import Call

MAX_LATENESS = 2.0
"""A call that starts at most this many seconds late still gets its whole hold. A call that starts later is stale.

The limit is longer than the time in which the repair finds a call whose announcement was lost."""

BLINK = 0.1
"""If the gap between two calls is shorter than this (seconds), the second call follows the first without a gap. Such
gaps arise because Redis tells times in whole milliseconds."""

REMEMBERED = 64
"""Number of ended calls whose call_id is remembered; more than Redis can still announce."""


@dataclass(slots=True, eq=False)
class Slot:
    """A call and the time at which it is shown: from `begin` until just before `end`.

    whole: if the call begins late, its end moves too, so that it is shown for its whole hold.
    playing: the call is shown, or has been.
    """

    epoch: str
    call: Call
    begin: float
    whole: bool = True
    playing: bool = False

    @property
    def end(self) -> float:
        return self.begin + self.call.hold_ms / 1000

    @property
    def follows(self) -> bool:
        """Whether the call was scheduled to begin at the end of the call before it."""
        return self.call.starts_in_ms > 0

    def play(self, now: float) -> None:
        """Begin. If this is a little late, the call still gets its whole hold."""
        self.playing = True
        if self.whole and now - self.begin <= MAX_LATENESS:
            self.begin = now


class Playlist:
    """Calls in the order in which they are shown. Only a call that replaces others cuts a call short."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self._done: deque[str] = deque(maxlen=REMEMBERED)
        """call_ids of calls that have ended, or were replaced or cancelled."""

    def add(self, epoch: str, call: Call, now: float, *, whole: bool = True) -> None:
        """Add a call whose durations count from `now`. Of a known call, only an earlier begin is taken over.

        whole: whether a call that has already begun is shown for its whole hold, or only for the rest of the hold.
        """
        if call.call_id in self._done:
            return
        if known := self._slot_of(call.call_id):
            if not known.playing:
                known.begin = min(known.begin, now + call.starts_in_ms / 1000)
            return
        if call.replaces:
            newer = [slot for slot in self._slots if slot.epoch == epoch and slot.call.seq > call.seq]
            self._done.extend(slot.call.call_id for slot in self._slots if slot not in newer)
            self._slots = newer
        position = sum(slot.playing or slot.epoch != epoch or slot.call.seq < call.seq for slot in self._slots)
        self._slots.insert(position, Slot(epoch, call, now + call.starts_in_ms / 1000, whole))

    def cancel(self, call_id: str) -> None:
        """Remove a queued call; the calls behind it move up. A call that is already shown stays for its whole hold."""
        if call_id in self._done:
            return
        slot = self._slot_of(call_id)
        if slot and slot.playing:
            return
        self._done.append(call_id)
        if slot:
            position = self._slots.index(slot)
            del self._slots[position]
            for behind in self._slots[position:]:
                behind.begin -= slot.call.hold_ms / 1000 if behind.epoch == slot.epoch else 0

    def play(self, now: float) -> Slot | None:
        """Remove calls that have ended, begin the call that is due, and return the call that is shown."""
        while self._slots:
            head = self._slots[0]
            if not head.playing:
                if head.begin > now:
                    return None
                head.play(now)
            if head.end > now:
                return head
            del self._slots[0]
            self._done.append(head.call.call_id)
            if self._slots:
                _move_behind(head, self._slots[0])
        return None

    @property
    def queued(self) -> int:
        """The number of calls that have not begun."""
        return sum(not slot.playing for slot in self._slots)

    @property
    def next_change(self) -> float | None:
        """When `play` must be called again; None if the playlist is empty."""
        if not self._slots:
            return None
        head = self._slots[0]
        return head.end if head.playing else head.begin

    def _slot_of(self, call_id: str) -> Slot | None:
        return next((slot for slot in self._slots if slot.call.call_id == call_id), None)


def _move_behind(ended: Slot, following: Slot) -> None:
    """Let a call begin at the end of the call before it, which may have begun late.

    Close the gap only if `following` really is the next call. A gap of a whole hold belongs to a call whose
    announcement has not arrived yet.
    """
    is_next = following.call.seq == ended.call.seq + 1 or following.begin - ended.end < BLINK
    closes_gap = following.follows and is_next
    following.begin = ended.end if closes_gap else max(ended.end, following.begin)
