"""Passes commands of managers to single screens, for example to show the name of the screen."""

import logging

from redis.asyncio import Redis

from cashier_core.screen_commands import CommandReader
from cashier_ws.boards.frames import Frame
from cashier_ws.boards.revocation import PairedScreens

READ_SECONDS = 1.0

log = logging.getLogger(__name__)


class Commands:
    """Reads commands from Redis, and sends them to the screens of this replica."""

    def __init__(self, paired_screens: PairedScreens, redis: Redis) -> None:
        self._paired_screens, self._reader = paired_screens, CommandReader(redis)

    async def pass_on(self) -> None:
        """Send the new commands to their screens. A screen that is stuck misses the command.

        Raises RedisError or OSError if Redis does not answer.
        """
        for command in await self._reader.new():
            frame = Frame.prepare(command.message())
            for screen in self._paired_screens.connections_of(command.credential_id):
                try:
                    screen.send_if_clear(frame)
                except Exception:  # If sending fails, which should never happen, only this screen misses the command.
                    log.exception("a command could not be sent")
