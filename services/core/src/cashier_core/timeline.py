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
from cashier_core.idle import Idle
from cashier_core.lua import keys, source
from cashier_core.snapshot import Snapshot

MAX_QUEUED = 20
"""Calls that may wait in one store; the next press is refused."""
REMEMBERED_SECONDS = 60
"""For so long a press that comes again is known; longer than Nginx waits before it asks again."""
KEY_SECONDS = 3600
"""The same for one with a key of the caller's own, who may be without a network for a while."""

Outcome = Literal["called", "waits", "waits already", "stays up"]


class QueueFull(Exception):
    """`MAX_QUEUED` calls wait in this store already; nothing was changed."""


class KeyReused(Exception):
    """This key was another press's; nothing was changed."""


class CantCancel(Exception):
    """Why a call can't be taken back; nothing was changed."""


class NotQueued(CantCancel):
    """There is no such call, or it has ended."""


class IsUp(CantCancel):
    """It is up: no call is ever cut short."""


class WrongTill(CantCancel):
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
        self._set_idle = redis.register_script(source("idle.lua", clock))

    def press(
        self,
        store: str,
        till: int,
        language: str,
        *,
        idle_language: str,
        hold_ms: int,
        policy: Policy,
        label: str = "",
        press_id: str = "",
        key: str = "",
        payload: str = "",
        by: str = "",
        again: bool = False,
    ) -> Receipt:
        """Schedule a call and announce it to every screen of the store. Raises QueueFull and KeyReused.

        till, label: the till's number, and its label if it has one.
        language: the language of the call. idle_language: the language between calls, used only if Redis knows none.
        hold_ms: milliseconds for which the call is shown.
        press_id: a random string that identifies this press and its call. A second press with the same press_id within
        `REMEMBERED_SECONDS` changes nothing and gets the same receipt.
        key: like press_id, but chosen by the caller and remembered for `KEY_SECONDS`. payload: what the caller sent
        with the key; the same key with another payload raises KeyReused.
        by: who pressed. again: whether the same customer is called once more. Both are only for the history.
        """
        press_id = press_id or secrets.token_hex(16)
        call = (till, language, idle_language, hold_ms, policy.value, MAX_QUEUED, label)
        names = [*keys(store), _answered(store, key or press_id), history.KEY]
        remembered_ms = (KEY_SECONDS if key else REMEMBERED_SECONDS) * 1000
        arguments: list[str | int] = [store, REDIS_CHANNEL, press_id, *call, remembered_ms, payload, by, int(again)]
        answer = cast(list[Any], self._press(keys=names, args=arguments))
        outcome, seq, starts_in_ms, place, *_payload = answer
        if outcome == b"full":
            raise QueueFull(store)
        if outcome == b"another press":
            raise KeyReused(key)
        return Receipt(outcome.decode(), seq, starts_in_ms, place)

    def receipt(self, store: str, key: str, payload: str) -> Receipt | None:
        """What was answered to the press with this key, if there was one. Raises KeyReused."""
        answer = cast(bytes | None, self._redis.get(_answered(store, key)))
        if answer is None:
            return None
        outcome, seq, starts_in_ms, place, *before = json.loads(answer)
        if before[:1] != [payload]:
            raise KeyReused(key)
        return Receipt(outcome, seq, starts_in_ms, place)

    def cancel(self, store: str, seq: int, *, till: int = 0) -> None:
        """Take back a call that waits, and let those behind it move up. Raises CantCancel, by its reason.

        till: only if it is that one's. A call that was just taken back is taken back: a retry is no fault.
        """
        arguments: list[str | int] = [store, REDIS_CHANNEL, secrets.token_hex(16), seq, till]
        answer = cast(bytes, self._cancel(keys=[*keys(store), history.KEY], args=arguments)).decode()
        if answer != "cancelled":
            raise {"up": IsUp, "another till": WrongTill}.get(answer, NotQueued)(store, seq)

    def snapshot(self, store: str) -> Snapshot:
        """What is up and what waits."""
        return Snapshot.from_reply(self._snapshot(keys=keys(store), args=[]))

    def set_idle(self, stores: Mapping[str, Idle]) -> None:
        """Change what these stores' screens say while nobody is called, at once.

        A call that is up or waits is left as it is, and a store that says this already is told nothing. After a
        RedisError some of it may have been done.
        """
        with self._redis.pipeline(transaction=True) as pipeline:
            for store, idle in stores.items():
                values = [idle.language, idle.notice, idle.appearance_id]
                arguments = [store, REDIS_CHANNEL, secrets.token_hex(16), *values]
                self._set_idle(keys=keys(store), args=arguments, client=pipeline)
            pipeline.execute()

    def idle(self, stores: Sequence[str]) -> list[Idle | None]:
        """What is said of each of these stores; None where Redis knows nothing."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                pipeline.hmget(keys(store)[0], ["language", "notice", "look"])
            answers = cast(list[list[bytes | None]], pipeline.execute())
        return [Idle(*((value or b"").decode() for value in answer)) if answer[0] else None for answer in answers]

    def ping(self) -> None:
        """Return if Redis answers."""
        self._redis.ping()


def _answered(store: str, name: str) -> str:
    """Key of what was answered to a press, by its press_id or key."""
    return f"cashier:{{{store}}}:press:{name}"
