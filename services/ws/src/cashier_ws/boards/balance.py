"""Distributes the screens evenly over the replicas, a few at a time.

After a replica has started, it has fewer screens than the others, which keep their connections for months. Nginx gives
a new connection to the replica to which it has the fewest. So a replica with too many connections of an Nginx closes
some of them, and Nginx gives them to other replicas. It closes only screens that show no call.
"""

import asyncio
import json
import logging
import random
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from redis.asyncio import Redis

log = logging.getLogger(__name__)

KEY = "cashier:screens:balance"
"""A Redis hash. Field: the id of a replica. Value: {"at": Redis's time in seconds, "screens": {proxy: number}}."""
PERIOD_SECONDS = 10.0
"""The time between two comparisons."""
MOVED_AT_ONCE = 50
"""How many screens a replica moves at most between two comparisons: five each second."""
TOLERATED_SHARE, TOLERATED = 0.1, 5
"""A replica may have so many more connections of a proxy than the mean of all replicas: a share of the mean, and a
number."""
LIFETIME_SECONDS = 30
"""A replica whose numbers are older than this is gone."""
LONGEST_PAUSE = 64
"""If moved screens come back, the replica waits for twice as many periods each time, up to this number."""

Counts = Mapping[str, int]
"""The number of connections for each proxy. A proxy is an Nginx, and is named by its IP address."""


class MovableScreen(Protocol):
    """An interface: what `Balance` needs of the consumer of a screen."""

    @property
    def shows_no_call(self) -> bool:
        """Whether the screen shows no call, and no call waits."""

    async def move(self) -> None:
        """Close the websocket with code 1012. The page then connects again."""


def excess(own: Counts, others: Iterable[Counts]) -> dict[str, int]:
    """Return for each proxy how many connections a replica has too many. Proxies without excess are left out.

    own: the connections of this replica. others: those of the other replicas.
    """
    replicas = [own, *others]
    result = {}
    for proxy, number in own.items():
        mean = sum(counts.get(proxy, 0) for counts in replicas) / len(replicas)
        if (surplus := number - round(mean * (1 + TOLERATED_SHARE)) - TOLERATED) > 0:
            result[proxy] = surplus
    return result


class Balance:
    """The connections of this replica, by proxy. All methods run on the event loop."""

    def __init__(self, redis: Redis, replica: str) -> None:
        """replica: a text that identifies this replica and its start."""
        self._redis, self._replica = redis, replica
        self._screens: dict[str, set[MovableScreen]] = {}
        self._found: dict[str, int] = {}
        """The surplus of the last step."""
        self._before: dict[str, int] = {}
        """For each proxy whose screens were moved in the last period, the number of connections before."""
        self._pause, self._skipped = 0, 0

    def join(self, proxy: str, screen: MovableScreen) -> None:
        self._screens.setdefault(proxy, set()).add(screen)

    def leave(self, proxy: str, screen: MovableScreen) -> None:
        """Remove a screen. Does nothing if the screen was not added."""
        if screens := self._screens.get(proxy):
            screens.discard(screen)
            if not screens:
                del self._screens[proxy]

    async def step(self) -> None:
        """Compare this replica with the others, and move some screens. Raises RedisError if Redis does not answer."""
        own = {proxy: len(screens) for proxy, screens in self._screens.items()}
        found = excess(own, await self._exchange(own))
        # The numbers of the others are up to 10 s old. When many screens have just connected, a replica may seem to
        # have too many. Therefore only a surplus counts that the last step has found, too.
        surplus = {proxy: min(number, self._found[proxy]) for proxy, number in found.items() if proxy in self._found}
        self._found = found
        came_back = any(own.get(proxy, 0) >= before for proxy, before in self._before.items())
        self._before = {}
        if not surplus:
            self._pause = 0
            return
        if came_back:
            # For example, Nginx cannot reach the other replicas.
            self._pause, self._skipped = min(2 * self._pause + 1, LONGEST_PAUSE), 0
        if self._skipped < self._pause:
            self._skipped += 1
            return
        await self._move(surplus)
        self._before = {proxy: own[proxy] for proxy in surplus}

    async def _exchange(self, own: Counts) -> list[Counts]:
        """Write the numbers of this replica to Redis, and return those of the other replicas."""
        now, _ = await self._redis.time()
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(KEY, self._replica, json.dumps({"at": now, "screens": own}))
            pipeline.expire(KEY, 2 * LIFETIME_SECONDS)
            pipeline.hgetall(KEY)
            replies: list[Any] = await pipeline.execute()
        entries = {replica.decode(): json.loads(value) for replica, value in replies[-1].items()}
        gone = [replica for replica, entry in entries.items() if abs(entry["at"] - now) > LIFETIME_SECONDS]
        if gone:
            await self._redis.hdel(KEY, *gone)
        return [entry["screens"] for replica, entry in entries.items() if replica not in {*gone, self._replica}]

    async def _move(self, surplus: Counts) -> None:
        """Move screens, spread over the time until the next step."""
        movable: list[MovableScreen] = []
        for proxy, number in surplus.items():
            screens = list(self._screens.get(proxy, ()))  # Some may have left since they were counted.
            movable += random.sample(screens, min(len(screens), number))
        chosen = random.sample(movable, min(len(movable), MOVED_AT_ONCE))
        log.info("%d screens are moved to other replicas", len(chosen))
        for screen in chosen:
            if screen.shows_no_call:
                await screen.move()
            await asyncio.sleep(PERIOD_SECONDS / MOVED_AT_ONCE)
