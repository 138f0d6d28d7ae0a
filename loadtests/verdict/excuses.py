"""What the injected faults excuse on one connection of a screen. Nothing else is excused.

Each fault has a begin, an end and a cost. A fault only counts if it affects the connection: if the connection goes
through a worker process of Nginx, or a replica, that has the fault.
"""

from collections.abc import Iterable
from math import inf

from loadtests.measure.injected_fault import InjectedFault, is_silent, overlap
from loadtests.measure.records import ConnectionRecord, Press

DELAY_SECONDS = 2.5
"""How late a call may begin if a fault delayed its announcement.

After a replica was paused, it still uses an event that is up to 2.5 s old. After Redis did not answer, a replica needs
up to 1.2 s to find the calls that it has missed."""
CANCEL_SECONDS = 1.0
"""A screen may begin to show a cancelled call until this long after the cancellation was confirmed.

The time is generous. Without a fault, the announcement of the cancellation reaches the replicas within milliseconds."""


class Excuses:
    """The excuses for one connection.

    losses: when Redis lost data.
    """

    def __init__(self, connection: ConnectionRecord, faults: Iterable[InjectedFault]) -> None:
        self._begun = connection.paints[0][0] if connection.paints else inf
        self._opened = connection.opened
        self._all_faults = list(faults)
        self._faults = [fault for fault in self._all_faults if fault.affects(connection.parts)]
        self.losses = [fault.begin for fault in self._faults if fault.cost.lost_seconds]

    def may_miss(self, call: Press, begin: float, end: float) -> bool:
        """Return whether the faults excuse that the screen does not show a call.

        begin: the earliest time at which the call begins. end: the time by which the screen must remove the number.
        """
        forgotten = any(
            fault.begin - fault.cost.lost_seconds < call.answered and call.intended < fault.end and fault.begin < end
            for fault in self._faults
            if fault.cost.lost_seconds
        )
        unknown = self._may_not_know(call.intended, call.answered, begin)
        return forgotten or unknown or self.may_miss_frames(begin, end)

    def may_miss_frames(self, begin: float, end: float) -> bool:
        """Return whether a fault may have lost or delayed frames between `begin` and `end`."""
        return is_silent(self._faults, begin, end)

    def knew_of_cancel(self, call: Press, shown: float) -> bool:
        """Return whether the screen's replica certainly knew, at the time `shown`, that the call was cancelled.

        shown: when the screen began to show the call.
        """
        return (
            call.cancel_status == 204
            and shown > call.cancel_answered + CANCEL_SECONDS
            and not self.may_miss_frames(shown, shown)
            and not self._may_not_know(call.cancel_sent, call.cancel_answered, shown)
        )

    def slack(self, begin: float, end: float) -> float:
        """Return by how many extra seconds a hold between `begin` and `end` may be too short or too long."""
        overlapping = (each for each in self._all_faults if overlap(begin, end, each.begin, each.end))
        return max((fault.cost.slack for fault in overlapping), default=0.0)

    def delay(self, call: Press, removed: float) -> float:
        """Return how many seconds after its end a call may be shown. removed: when the screen removed the number."""
        delays = any(
            fault.cost.delays and overlap(call.intended, removed, fault.begin, fault.repaired) for fault in self._faults
        )
        return DELAY_SECONDS if delays else 0.0

    def _may_not_know(self, sent: float, answered: float, due: float) -> bool:
        """Return whether it is possible that the screen's replica has not learned of a change at the time `due`.

        sent, answered: when the request that made the change was sent and answered.
        """
        # Usually a replica learns of a change from the announcement. If the screen connected after the change, the
        # replica may instead have read the change from Redis when the screen connected. The code therefore checks
        # whether a fault overlaps with the time of the announcement, or with the time of the connecting.
        connected_later = self._begun > sent
        learned, known = (self._opened, self._begun) if connected_later else (sent, answered)
        for fault in self._faults:
            cost = fault.cost
            unread = cost.misses_events or (cost.hides_calls and connected_later)
            was_lost = due < fault.repaired or any(learned < lost < fault.repaired for lost in self.losses)
            if unread and was_lost and overlap(learned, known, fault.begin, fault.repaired):
                return True
        return False
