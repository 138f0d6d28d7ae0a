"""Measures how late the event loop of a load generator wakes up.

A busy generator reads its sockets late, and so records events too late. If the lag of the generator is known, it is not
mistaken for a delay of the system.
"""

import asyncio
import time
from dataclasses import dataclass, field

import gevent

TICK_SECONDS = 0.01
GEVENT_TICK_SECONDS = 0.05


@dataclass(slots=True)
class EventLoopLag:
    """Measures the lag of an asyncio event loop from `start` to `stop`.

    late: (when the event loop should have woken up, when it woke up), in seconds of time.monotonic(). Only wake-ups
    that were more than TICK_SECONDS late are listed.
    """

    late: list[tuple[float, float]] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to measure the lag."""
        self._task = asyncio.create_task(self._measure())

    async def stop(self) -> None:
        """Stop measuring. The measured lags stay available."""
        assert self._task
        self._task.cancel()
        await asyncio.wait([self._task])

    def lag_at(self, at: float) -> float:
        """Return by how many seconds the time at which an event was recorded may be wrong.

        The event loop may have been blocked when the event happened. Then the event was recorded too late. at: the time
        at which the event was recorded.
        """
        return max((min(at, woke) - due for due, woke in self.late if due <= at <= woke + TICK_SECONDS), default=0.0)

    @property
    def worst(self) -> float:
        """The longest measured lag of the event loop, in seconds."""
        return max((woke - due for due, woke in self.late), default=0.0)

    async def _measure(self) -> None:
        while True:
            due = time.monotonic() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            if (woke := time.monotonic()) - due > TICK_SECONDS:
                self.late.append((due, woke))


def record_gevent_lag(lags: list[tuple[float, float]]) -> None:
    """Measure the lag of this gevent process 20 times a second. Never returns.

    Each time, (when the process should have woken up, when it woke up) is added to `lags`.
    """
    while True:
        due = time.monotonic() + GEVENT_TICK_SECONDS
        gevent.sleep(GEVENT_TICK_SECONDS)
        lags.append((due, time.monotonic()))
