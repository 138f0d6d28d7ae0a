"""Passes commands to single screens from web to ws, through a stream in Redis.

A command is for the moment. If the screen is not connected, the command is lost.
"""

import json
from enum import StrEnum
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

KEY = "cashier:screen-commands"
"""The key of the stream."""
MOST_COMMANDS = 1000
"""Redis keeps about this many commands. The replicas read them once a second."""
LIFETIME_SECONDS = 60
BEFORE_ALL = b"0-0"
"""An id that is smaller than the id of every entry."""

Entries = list[tuple[bytes, dict[bytes, bytes]]]


class Action(StrEnum):
    """What the page of a screen does."""

    IDENTIFY = "identify"
    """It shows the text, which is the name of the screen, in large letters for some seconds."""
    RELOAD = "reload"
    """It loads itself again."""
    TEST = "test"
    """It shows the text for three seconds, and plays the sound of a call."""


class ScreenCommand(NamedTuple):
    """A command to one paired screen, which is given by its credential id. text: what the screen shows."""

    credential_id: str
    action: Action
    text: str = ""

    def message(self) -> str:
        """Return the websocket message to the page."""
        return json.dumps({"action": self.action, "text": self.text})


def send_command(redis: Redis, command: ScreenCommand) -> None:
    """Send a command to a screen. Raises redis.RedisError if Redis does not answer."""
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.xadd(KEY, cast(Any, command._asdict()), maxlen=MOST_COMMANDS)
        pipeline.expire(KEY, LIFETIME_SECONDS)
        pipeline.execute()


class CommandReader:
    """Reads the commands in the order in which they were sent."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis
        self._last: bytes | None = None
        """The id of the last entry that was read; None before the first read."""

    async def new(self) -> list[ScreenCommand]:
        """Return the commands that were sent since the last call. Raises redis.RedisError if Redis does not answer.

        The first call returns no commands, because they may be old.
        """
        found = cast(Entries, await self._redis.xrevrange(KEY, count=1))
        newest = found[0][0] if found else BEFORE_ALL
        last, self._last = self._last, newest
        if last is None or newest in {last, BEFORE_ALL}:
            return []
        # If the newest id is smaller than the last one, the stream has expired, and the clock of Redis was set back.
        begin = b"(" + last if _order(last) < _order(newest) else b"-"
        entries = cast(Entries, await self._redis.xrange(KEY, min=begin, max=newest))
        return [command for _entry_id, fields in entries if (command := _parse(fields))]


def _order(entry_id: bytes) -> tuple[int, int]:
    """Return a sort key for an id of an entry."""
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)


def _parse(fields: dict[bytes, bytes]) -> ScreenCommand | None:
    """Return the command in an entry; None if another program has written something else."""
    try:
        return ScreenCommand(
            fields[b"credential_id"].decode(), Action(fields[b"action"].decode()), fields[b"text"].decode()
        )
    except (KeyError, ValueError):
        return None
