"""The playlist: a store's calls on one replica's monotonic clock, and which of them is up.

Pure arithmetic on times in seconds that the caller passes in, so that it can be tested without waiting.
"""

from collections import deque
from dataclasses import dataclass

from cashier_core.call import Call

LATENESS = 2.0
"""A call that begins this much late at most is still given its whole hold; later than that it is stale. In seconds, and
longer than the repair takes to find a call whose announcement was lost."""

BLINK = 0.1
"""Two calls between which less than this lies, because their times are told in whole ms, follow each other. Seconds."""

REMEMBERED = 64
"""Ended calls that are known by their call_id; more than Redis can still tell of."""


@dataclass(slots=True, eq=False)
class Slot:
    """A call with its place in time: up in [begin, end). whole: a late begin doesn't shorten it."""

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
        """It was scheduled to begin exactly as the call before it ends."""
        return self.call.starts_in_ms > 0

    def play(self, now: float) -> None:
        """Begin. A repaint that comes late must not cost the call a part of its hold."""
        self.playing = True
        if self.whole and now - self.begin <= LATENESS:
            self.begin = now


class Playlist:
    """Calls in the order in which they are up. No call is cut short but by one that replaces it."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self._done: deque[str] = deque(maxlen=REMEMBERED)  # call_ids of calls that have ended or were replaced

    def add(self, epoch: str, call: Call, now: float, *, whole: bool = True) -> None:
        """Take in a call that was told at `now`; of one that is known already, only that it has moved up.

        whole: it is shown for its whole hold even if it has begun; otherwise for what is left of it.
        """
        if call.call_id in self._done:
            return
        if known := next((slot for slot in self._slots if slot.call.call_id == call.call_id), None):
            if not known.playing:
                known.begin = min(known.begin, now + call.starts_in_ms / 1000)
            return
        if call.replaces:
            newer = [slot for slot in self._slots if slot.epoch == epoch and slot.call.seq > call.seq]
            self._done.extend(slot.call.call_id for slot in self._slots if slot not in newer)
            self._slots = newer
        after = sum(slot.playing or slot.epoch != epoch or slot.call.seq < call.seq for slot in self._slots)
        self._slots.insert(after, Slot(epoch, call, now + call.starts_in_ms / 1000, whole))

    def cancel(self, call_id: str) -> None:
        """Take back a call that waits; those behind it move up. One that is up here stays for its whole hold."""
        if call_id in self._done:
            return
        slot = next((slot for slot in self._slots if slot.call.call_id == call_id), None)
        if slot and slot.playing:
            return
        self._done.append(call_id)
        if slot:
            at = self._slots.index(slot)
            del self._slots[at]
            for behind in self._slots[at:]:
                behind.begin -= slot.call.hold_ms / 1000 if behind.epoch == slot.epoch else 0

    def play(self, now: float) -> Slot | None:
        """Drop what has ended, begin what is due, and say what is up."""
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
                following = self._slots[0]
                # Not if one between the two is still to be heard of, whose place that is: a hold at least.
                no_place = following.begin - head.end < BLINK
                next_to_it = following.follows and (following.call.seq == head.call.seq + 1 or no_place)
                following.begin = head.end if next_to_it else max(head.end, following.begin)
        return None

    @property
    def queued(self) -> int:
        """Calls that have not begun."""
        return sum(not slot.playing for slot in self._slots)

    @property
    def next_change(self) -> float | None:
        """When `play` must be asked again; None if nothing is up or waits."""
        if not self._slots:
            return None
        head = self._slots[0]
        return head.end if head.playing else head.begin
