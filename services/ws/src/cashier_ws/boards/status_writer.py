"""Writes the statuses of the paired screens to Redis, about once a second."""

import asyncio
import logging
from math import inf

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cashier_core.screen_status import StatusHash
from cashier_ws.boards.repeat import repeat
from cashier_ws.boards.screen_statuses import ScreenStatuses

WRITE_SECONDS = 1.0
CONFIRM_SECONDS = 5.0
"""The time after which the replica confirms that it is alive. It must be less than LIFETIME_SECONDS of the hash."""
END_SECONDS = 1.0
"""When the replica ends, the seconds for which it waits until its statuses are removed from Redis."""

log = logging.getLogger(__name__)


class StatusWriter:
    """Keeps the hash of this replica in Redis equal to its statuses. All methods run on the event loop."""

    def __init__(self, statuses: ScreenStatuses, redis: Redis, replica: str) -> None:
        """replica: a text that identifies this replica and its start."""
        self._statuses, self._hash = statuses, StatusHash(redis, replica)
        self._confirmed_at = -inf
        self._is_complete = False
        """Whether the hash contains all statuses, as far as the replica knows."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write. Must be called once, on the event loop."""
        self._task = asyncio.create_task(
            repeat(WRITE_SECONDS, self.write_due, "the statuses of screens can't be written now")
        )

    async def end(self) -> None:
        """Remove the statuses from Redis, because the replica ends."""
        if not self._task:
            return
        self._task.cancel()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._hash.remove()
        except (RedisError, OSError) as fault:  # OSError includes TimeoutError.
            log.warning("the statuses of screens can't be removed: %s", fault)

    async def write_due(self) -> None:
        """Write what is due. Raises RedisError or OSError if Redis does not answer."""
        now = asyncio.get_running_loop().time()
        changed, removed = self._statuses.take_changes(now)
        was_complete, self._is_complete = self._is_complete, False  # If a request fails, everything is written again.
        if now - self._confirmed_at >= CONFIRM_SECONDS:
            was_complete = await self._hash.confirm() and was_complete
            self._confirmed_at = now
        if not was_complete:
            await self._hash.replace(self._statuses.snapshot(now))
        elif changed or removed:
            await self._hash.change(changed, removed)
        self._is_complete = True
