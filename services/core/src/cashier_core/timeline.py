"""Schedules, cancels and reads the calls of stores. Redis does each of these with a Lua script, in one atomic step."""

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
"""The maximum number of queued calls in one store. If this many calls are already queued, the next press is refused."""
REMEMBERED_SECONDS = 60
"""The seconds for which Redis remembers the answer to a press. If the press is sent again, it makes no second call.

This time is longer than Nginx waits before it sends a press to another worker process.
"""
KEY_SECONDS = 3600
"""The seconds for which Redis remembers the answer to a press with an idempotency key.

This time is longer than REMEMBERED_SECONDS, because a device may have no network for a while before it can send the
press again.
"""

Outcome = Literal["called", "waits", "waits already", "stays up"]


class QueueFull(Exception):
    """Raised if a press is refused because `MAX_QUEUED` calls are queued in the store. The timeline is not changed."""


class KeyReused(Exception):
    """Raised if an idempotency key was already used for a press with another payload. The timeline is not changed."""


class CantCancel(Exception):
    """Raised if a call cannot be cancelled; the subclasses give the reason. The timeline is not changed."""


class NotQueued(CantCancel):
    """The call cannot be cancelled, because it does not exist or has already ended."""


class AlreadyShown(CantCancel):
    """The call cannot be cancelled, because the screens already show it. It is shown for its whole hold."""


class WrongTill(CantCancel):
    """The call cannot be cancelled, because it belongs to another till than the till that the request names."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a press, which says what became of the press.

    outcome: one of these values:
        "called": the call is shown now.
        "waits": the call is queued.
        "waits already": the till already had a queued call, so the press has added no call.
        "stays up": the till's number was shown and no call was queued, so the number stays for another hold.
    seq: the seq of the call.
    starts_in_ms: milliseconds until the call starts; negative if the call has already started.
    place: the place of the call in the timeline: 1 for the call that is shown, 2 for the next call, and so on.
    """

    outcome: Outcome
    seq: int
    starts_in_ms: int
    place: int


def connect(url: str) -> "Redis":
    """Create a Redis client that never repeats a command.

    After a timeout, nobody knows whether Redis has executed the command. A press that is executed twice could make two
    calls.
    """
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2, retry=Retry(NoBackoff(), 0))


class Timeline:
    """Changes and reads the timelines of all stores. Every method raises redis.RedisError if Redis does not answer."""

    def __init__(self, redis: Redis, clock: str | None = None) -> None:
        """clock: Lua code that tests use in place of the clock of Redis; None for the clock of Redis."""
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
        """Schedule a call and announce it to all screens of the store. Raises QueueFull or KeyReused.

        till, label: the number of the till, and its label; "" if the till has no label.
        language: the language of the call.
        idle_language: the language of the idle text. It is stored only if Redis has lost the store's data.
        hold_ms: milliseconds for which the call is shown.
        policy: the policy of the store.
        press_id: a random text that identifies this press and its call. A second press with the same press_id within
        `REMEMBERED_SECONDS` changes nothing and gets the same receipt.
        key: an idempotency key; "" for none. A key works like a press_id, but a device has chosen the key, and Redis
        remembers it for `KEY_SECONDS`.
        payload: the body of the device's request. If a request with the same key has another body, KeyReused is raised.
        by: the person or device that has pressed, for example "device 7". Only the history contains this value.
        again: whether the same customer is called once more. Only the history contains this value.
        """
        press_id = press_id or secrets.token_hex(16)
        arguments = _arguments(
            store,
            press_id,
            till=till,
            label=label,
            language=language,
            idle_language=idle_language,
            hold_ms=hold_ms,
            replaces=policy == Policy.REPLACE,
            payload=payload,
            remembered_ms=(KEY_SECONDS if key else REMEMBERED_SECONDS) * 1000,
            by=by,
            again=again,
        )
        names = [*keys(store), _answer_key(store, key or press_id), history.KEY]
        outcome, seq, starts_in_ms, place, *_ = cast(list[Any], self._press(keys=names, args=arguments))
        if outcome == b"full":
            raise QueueFull(store)
        if outcome == b"key reused":
            raise KeyReused(key)
        return Receipt(outcome.decode(), seq, starts_in_ms, place)

    def receipt(self, store: str, key: str, payload: str) -> Receipt | None:
        """Return the receipt of the press with this idempotency key; None if Redis knows no such press.

        Raises KeyReused if the press had another payload.
        """
        answer = cast(bytes | None, self._redis.get(_answer_key(store, key)))
        if answer is None:
            return None
        outcome, seq, starts_in_ms, place, *payloads = json.loads(answer)
        if payloads[:1] != [payload]:
            raise KeyReused(key)
        return Receipt(outcome, seq, starts_in_ms, place)

    def cancel(self, store: str, seq: int, *, till: int = 0) -> None:
        """Cancel a queued call, and let the calls behind it begin earlier. Raises a subclass of CantCancel.

        till: the till to which the call must belong; 0 for any till.
        Cancelling a call twice is not an error, because a device repeats its request if the first answer is lost.
        """
        arguments = _arguments(store, secrets.token_hex(16), seq=seq, till=till)
        outcome = cast(bytes, self._cancel(keys=[*keys(store), history.KEY], args=arguments)).decode()
        if outcome != "cancelled":
            raise {"up": AlreadyShown, "another till": WrongTill}.get(outcome, NotQueued)(store, seq)

    def snapshot(self, store: str) -> Snapshot:
        """Read the timeline of the store from Redis."""
        return Snapshot.from_reply(self._snapshot(keys=keys(store), args=[]))

    def set_idle(self, stores: Mapping[str, Idle]) -> None:
        """Change what the screens of these stores show between calls. The calls of the stores do not change.

        stores: for each slug, the new idle text and appearance.
        If a store already has these values, nothing is announced for it. If RedisError is raised, some of the stores
        may have been changed.
        """
        with self._redis.pipeline(transaction=True) as pipeline:
            for store, idle in stores.items():
                arguments = _arguments(
                    store,
                    secrets.token_hex(16),
                    language=idle.language,
                    notice=idle.notice,
                    appearance_id=idle.appearance_id,
                )
                self._set_idle(keys=keys(store), args=arguments, client=pipeline)
            pipeline.execute()

    def idle(self, stores: Sequence[str]) -> list[Idle | None]:
        """Return what the screens of each store show between calls, or None for a store that Redis does not know."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                pipeline.hmget(keys(store)[0], ["language", "notice", "look"])
            replies = cast(list[list[bytes | None]], pipeline.execute())
        return [Idle(*((value or b"").decode() for value in reply)) if reply[0] else None for reply in replies]

    def ping(self) -> None:
        """Check that Redis answers. Raises redis.RedisError if Redis does not answer."""
        self._redis.ping()


def _arguments(store: str, change_id: str, **named: object) -> list[str]:
    """Return the arguments of a Lua script that changes a timeline, as one JSON document that `lua/store.lua` reads."""
    shared = {
        "store": store,
        "change_id": change_id,
        "channel": REDIS_CHANNEL,
        "max_queued": MAX_QUEUED,
        "max_history": history.MAX_ENTRIES,
    }
    return [json.dumps(shared | named)]


def _answer_key(store: str, name: str) -> str:
    """Return the Redis key for the answer to a press. name: the press_id or the idempotency key of the press."""
    return f"cashier:{{{store}}}:press:{name}"
