"""Defines the playlist: the calls of a store, and when each call begins and ends on the clock of one replica.

The clock is monotonic. The playlist never reads the clock. It gets the current time in seconds as an argument, so that
tests need not wait.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from cashier_core.call import Call

MAX_LATENESS = 2.0
"""If a call begins at most this many seconds late, it is still shown for its whole hold.

If a call begins even later, it is shown only until its scheduled end. The limit is longer than the time in which the
repair finds a call whose announcement was lost.
"""

BLINK = 0.1
"""If the gap between two calls is shorter than this number of seconds, the second call begins when the first call ends.

Such short gaps can arise because Redis rounds times to milliseconds.
"""

REMEMBERED = 64
"""The number of ended calls whose call_ids a playlist remembers, so that it does not show an ended call again.

The number is larger than the number of calls that a snapshot from Redis can contain.
"""


@dataclass(slots=True, eq=False)
class Slot:
    """A call with the time at which the replica shows it: from `begin` until just before `end`.

    begin: seconds on the replica's clock.
    whole: whether a call that begins a little late is still shown for its whole hold, and therefore also ends later.
    playing: whether the call has begun.
    ends_at_ms: when the call ends according to Redis, on the timeline's clock in Redis; 0 if this is not known.
    """

    epoch: str
    call: Call
    begin: float
    whole: bool = True
    playing: bool = False
    ends_at_ms: int = 0

    @property
    def end(self) -> float:
        return self.begin + self.call.hold_ms / 1000

    @property
    def follows(self) -> bool:
        """Whether the call was scheduled to begin when the call before it ends, and not at once."""
        return self.call.starts_in_ms > 0

    def play(self, now: float) -> None:
        """Begin to show the call.

        If `whole` is true and the call begins at most `MAX_LATENESS` late, the call also ends later, so that it is
        shown for its whole hold.
        """
        self.playing = True
        if self.whole and now - self.begin <= MAX_LATENESS:
            self.begin = now


class Playlist:
    """The calls of a store in the order in which they are shown.

    A call that has begun is always shown until its end, unless a new call with the policy `replace` removes it, or
    Redis no longer has it.
    """

    def __init__(self) -> None:
        self._slots: list[Slot] = []
        self._ended: deque[str] = deque(maxlen=REMEMBERED)
        """The call_ids of calls that have ended."""
        self._removed: deque[str] = deque(maxlen=REMEMBERED)
        """The call_ids of calls that were replaced, dropped or cancelled."""
        self._missed: list[Slot] = []
        """The calls that `play` has not returned, because it was called too late."""

    def add(self, epoch: str, call: Call, now: float, *, whole: bool = True, may_begin_later: bool = False) -> None:
        """Add a call to the playlist.

        If the playlist already contains the call, the call is not added again. If the call has not begun, it may have
        moved up in the queue, because an earlier call was cancelled. In this case its begin becomes earlier.

        now: the time from which the durations of the call, such as `starts_in_ms`, count.
        whole: whether a call that begins a little late is shown for its whole hold, or only for the rest of the hold.
        may_begin_later: whether the begin of the call may also become later, or the call may even end before its time
        and begin again later. This happens only if Redis has lost a change, for example that an earlier call was
        cancelled. Otherwise a later begin only means that it took a while to read the snapshot.
        """
        if call.call_id in self._ended or call.call_id in self._removed:
            return
        begin = now + call.starts_in_ms / 1000
        known = self._slot_of(call.call_id)
        if known and known.playing and may_begin_later and begin - now >= BLINK:
            self._slots.remove(known)
        elif known:
            if not known.playing and (begin < known.begin or (may_begin_later and begin - known.begin >= BLINK)):
                known.begin = begin
            known.ends_at_ms = call.ends_at_ms
            return
        if call.replaces:
            newer = [slot for slot in self._slots if slot.epoch == epoch and slot.call.seq > call.seq]
            self._removed.extend(slot.call.call_id for slot in self._slots if slot not in newer)
            self._slots = newer
        position = sum(slot.playing or slot.epoch != epoch or slot.call.seq < call.seq for slot in self._slots)
        self._slots.insert(position, Slot(epoch, call, begin, whole, ends_at_ms=call.ends_at_ms))

    def cancel(self, call_id: str) -> None:
        """Remove a queued call, and let the calls behind it begin earlier. Does nothing if the call has begun."""
        if call_id in self._ended or call_id in self._removed:
            return
        slot = self._slot_of(call_id)
        if slot and slot.playing:
            return
        self._removed.append(call_id)
        if slot:
            position = self._slots.index(slot)
            del self._slots[position]
            for behind in self._slots[position:]:
                if behind.epoch == slot.epoch:
                    behind.begin -= slot.call.hold_ms / 1000
                    behind.ends_at_ms -= slot.call.hold_ms if behind.ends_at_ms else 0

    def keep(self, call_ids: Collection[str], now_ms: int) -> int:
        """Remove the calls that Redis no longer has, although they have not ended. Returns the number of removed calls.

        call_ids: the calls that Redis has and that have not ended. now_ms: the time on the timeline's clock at which
        Redis had these calls. A call that has ended by then stays: this board began it late, and still shows it.
        """
        kept = [slot for slot in self._slots if slot.call.call_id in call_ids or slot.ends_at_ms <= now_ms]
        removed = len(self._slots) - len(kept)
        self._slots = kept
        return removed

    def forget_removed_calls(self) -> None:
        """Accept calls again that were replaced, dropped or cancelled, because Redis has lost these changes."""
        self._removed.clear()

    def keep_epoch(self, epoch: str) -> int:
        """Remove the calls of other epochs, because Redis has lost them. Returns the number of removed calls."""
        kept = [slot for slot in self._slots if slot.epoch == epoch]
        removed = len(self._slots) - len(kept)
        self._slots = kept
        return removed

    def play(self, now: float) -> Slot | None:
        """Remove calls that have ended, begin the next call if it is due, and return the call that is shown now."""
        while self._slots:
            head = self._slots[0]
            begins = not head.playing
            if begins:
                if head.begin > now:
                    return None
                head.play(now)
            if head.end > now:
                return head
            if begins and head.whole:
                self._missed.append(head)
            del self._slots[0]
            self._ended.append(head.call.call_id)
            if self._slots:
                _move_behind(head, self._slots[0])
        return None

    def take_missed(self) -> list[Slot]:
        """Return the calls that had already ended when `play` should have shown them. Each call is returned once."""
        missed, self._missed = self._missed, []
        return missed

    @property
    def queued(self) -> int:
        """The number of calls in this playlist that have not begun."""
        return sum(not slot.playing for slot in self._slots)

    @property
    def next_change(self) -> float | None:
        """The time at which `play` must be called again; None if the playlist is empty."""
        if not self._slots:
            return None
        head = self._slots[0]
        return head.end if head.playing else head.begin

    def _slot_of(self, call_id: str) -> Slot | None:
        return next((slot for slot in self._slots if slot.call.call_id == call_id), None)


def _move_behind(ended: Slot, following: Slot) -> None:
    """Adapt the begin of the call `following` to the end of the call `ended`, which may have ended late.

    `following` never begins before the end of `ended`. If `following` was queued and is the next call after `ended`, it
    begins exactly at the end of `ended`. Otherwise the announcement of a call between the two may still be on its way.
    To leave time for this call, `following` does not begin earlier than scheduled.
    """
    is_next = following.call.seq == ended.call.seq + 1 or following.begin - ended.end < BLINK
    closes_gap = following.follows and is_next
    following.begin = ended.end if closes_gap else max(ended.end, following.begin)
