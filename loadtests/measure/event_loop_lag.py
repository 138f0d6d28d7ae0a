"""The canary: measures the generator itself, so that its own lag is not taken for the system's."""

import asyncio
import time
from dataclasses import dataclass, field

TICK_SECONDS = 0.01


@dataclass(slots=True)
class EventLoopLag:
    """How much later than asked for this process's event loop woke up, from `start` to `stop`.

    A time that the generator noted is late by at most `lag(at)`: the loop reads its sockets when it wakes up.
    """

    late: list[tuple[float, float]] = field(default_factory=list)
    """When it should have woken up and when it did, in seconds of time.monotonic(), where these differ by a tick."""
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to measure."""
        self._task = asyncio.create_task(self._sing())

    async def stop(self) -> None:
        """Keep what was measured."""
        assert self._task
        self._task.cancel()
        await asyncio.wait([self._task])

    def lag(self, at: float) -> float:
        """Seconds by which something that was noted at `at` may have been noted too late."""
        return max((min(at, woke) - due for due, woke in self.late if due <= at <= woke + TICK_SECONDS), default=0.0)

    @property
    def worst(self) -> float:
        """The longest lag, in seconds."""
        return max((woke - due for due, woke in self.late), default=0.0)

    async def _sing(self) -> None:
        while True:
            due = time.monotonic() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            if (woke := time.monotonic()) - due > TICK_SECONDS:
                self.late.append((due, woke))
