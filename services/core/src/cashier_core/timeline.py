"""A store's timeline in Redis: calls are scheduled, announced and read by scripts, each of them atomic."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cashier_core import history
from cashier_core.call import Policy
from cashier_core.events import REDIS_CHANNEL
from cashier_core.idle import Waiting
from cashier_core.lua import keys, source
from cashier_core.snapshot import Snapshot

MOST_WAITING = 20
"""Calls that may wait in one store; the next press is refused."""
REMEMBERED_SECONDS = 60
"""For so long a press that comes again is known; longer than Nginx waits before it asks again."""
KEY_SECONDS = 3600
"""The same for one with a key of the caller's own, who may be without a network for a while."""

Outcome = Literal["called", "waits", "waits already", "stays up"]


class QueueFull(Exception):
    """`MOST_WAITING` calls wait in this store already; nothing was changed."""


class AnotherPress(Exception):
    """This key was another press's; nothing was changed."""


class CantCancel(Exception):
    """Why a call can't be taken back; nothing was changed."""


class NotWaiting(CantCancel):
    """There is no such call, or it has ended."""


class IsUp(CantCancel):
    """It is up: no call is ever cut short."""


class OfAnotherTill(CantCancel):
    """It is another till's than the one that it was to be of."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a press. place: 1 is up now, 2 is next, and so on."""

    outcome: Outcome
    seq: int
    starts_in_ms: int
    place: int


def connect(url: str) -> "Redis":
    """A client for presses. It never tries again by itself: a press whose fate is unknown must not be doubled."""
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2, retry=Retry(NoBackoff(), 0))


class Timeline:
    """Writes stores' timelines. Every method raises redis.RedisError when Redis doesn't answer."""

    def __init__(self, redis: Redis, clock: str | None = None) -> None:
        self._redis = redis
        self._press = redis.register_script(source("press.lua", clock))
        self._cancel = redis.register_script(source("cancel.lua", clock))
        self._snapshot = redis.register_script(source("snapshot.lua", clock))
        self._waiting = redis.register_script(source("waiting.lua", clock))

    def press(
        self,
        store: str,
        num_cashier: int,
        language: str,
        *,
        waiting_language: str,
        hold_ms: int,
        policy: Policy,
        label: str = "",
        mark: str = "",
        key: str = "",
        sent: str = "",
        by: str = "",
        again: bool = False,
    ) -> Receipt:
        """Schedule a call and announce it to every screen of the store. Raises QueueFull and AnotherPress.

        label: the till's, where it isn't called by its number.
        mark: a random word for this press, by which its call is known, too. The same press again, within
        `REMEMBERED_SECONDS`, gets the same receipt and does nothing.
        key: as the mark, but chosen by whoever presses, and known for `KEY_SECONDS`. sent: all that was said with it;
        if it comes with anything else, AnotherPress is raised.
        by, again: who pressed, and whether for the same customer once more; for the history.
        """
        mark = mark or secrets.token_hex(16)
        call = (num_cashier, language, waiting_language, hold_ms, policy.value, MOST_WAITING, label)
        names = [*keys(store), _answered(store, key or mark), history.KEY]
        remembered_ms = (KEY_SECONDS if key else REMEMBERED_SECONDS) * 1000
        arguments: list[str | int] = [store, REDIS_CHANNEL, mark, *call, remembered_ms, sent, by, int(again)]
        answer = cast(list[Any], self._press(keys=names, args=arguments))
        outcome, seq, starts_in_ms, place, *_sent = answer
        if outcome == b"full":
            raise QueueFull(store)
        if outcome == b"another press":
            raise AnotherPress(key)
        return Receipt(outcome.decode(), seq, starts_in_ms, place)

    def receipt(self, store: str, key: str, sent: str) -> Receipt | None:
        """What was answered to the press with this key, if there was one. Raises AnotherPress."""
        answer = cast(bytes | None, self._redis.get(_answered(store, key)))
        if answer is None:
            return None
        outcome, seq, starts_in_ms, place, *before = json.loads(answer)
        if before[:1] != [sent]:
            raise AnotherPress(key)
        return Receipt(outcome, seq, starts_in_ms, place)

    def cancel(self, store: str, seq: int, *, till: int = 0) -> None:
        """Take back a call that waits, and let those behind it move up. Raises CantCancel, by its reason.

        till: only if it is that one's. A call that was just taken back is taken back: a retry is no fault.
        """
        arguments: list[str | int] = [store, REDIS_CHANNEL, secrets.token_hex(16), seq, till]
        answer = cast(bytes, self._cancel(keys=[*keys(store), history.KEY], args=arguments)).decode()
        if answer != "cancelled":
            raise {"up": IsUp, "another till": OfAnotherTill}.get(answer, NotWaiting)(store, seq)

    def snapshot(self, store: str) -> Snapshot:
        """What is up and what waits."""
        return Snapshot.of(self._snapshot(keys=keys(store), args=[]))

    def set_waiting(self, stores: Mapping[str, Waiting]) -> None:
        """Change what these stores' screens say while nobody is called, at once.

        A call that is up or waits is left as it is, and a store that says this already is told nothing. After a
        RedisError some of it may have been done.
        """
        with self._redis.pipeline(transaction=True) as pipeline:
            for store, waiting in stores.items():
                told = [store, REDIS_CHANNEL, secrets.token_hex(16), waiting.language, waiting.notice, waiting.look]
                self._waiting(keys=keys(store), args=told, client=pipeline)
            pipeline.execute()

    def waiting(self, stores: Sequence[str]) -> list[Waiting | None]:
        """What is said of each of these stores; None where Redis knows nothing."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                pipeline.hmget(keys(store)[0], ["language", "notice", "look"])
            answers = cast(list[list[bytes | None]], pipeline.execute())
        return [Waiting(*((value or b"").decode() for value in answer)) if answer[0] else None for answer in answers]

    def ping(self) -> None:
        """Return if Redis answers."""
        self._redis.ping()


def _answered(store: str, name: str) -> str:
    """Key of what was answered to a press, by its mark or key."""
    return f"cashier:{{{store}}}:press:{name}"
