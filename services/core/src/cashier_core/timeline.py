"""Schedules, cancels and reads the calls of a store in Redis, with Lua scripts that are atomic steps."""

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
"""Calls that may be queued in one store; the next press is refused."""
REMEMBERED_SECONDS = 60
"""A press that is sent twice is recognised for this long: longer than Nginx waits before it asks another worker."""
KEY_SECONDS = 3600
"""The same for a press with a key that the caller chose. The caller may be without a network for a while."""

Outcome = Literal["called", "waits", "waits already", "stays up"]


class QueueFull(Exception):
    """`MAX_QUEUED` calls are queued in this store. Nothing was changed."""


class KeyReused(Exception):
    """The key belongs to another press. Nothing was changed."""


class CantCancel(Exception):
    """The call cannot be cancelled. Nothing was changed."""


class NotQueued(CantCancel):
    """There is no such call, or it has ended."""


class AlreadyShown(CantCancel):
    """The call is on the screens; no call is ever cut short."""


class WrongTill(CantCancel):
    """The call belongs to another till than the caller says."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a press.

    outcome: "called" (shown now), "waits" (queued), "waits already" (the till has a queued call; nothing was added),
    or "stays up" (the till's call was shown, no call was queued, and it is shown for another hold).
    seq: seq of the call. starts_in_ms: milliseconds until it starts; negative if it has started.
    place: 1 for the call that is shown, 2 for the next one, and so on.
    """

    outcome: Outcome
    seq: int
    starts_in_ms: int
    place: int


def connect(url: str) -> "Redis":
    """Create a client that never retries: after a timeout nobody knows whether a press was made, and it must not be
    made twice."""
    return Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2, retry=Retry(NoBackoff(), 0))


class Timeline:
    """The timelines of all stores. Every method raises redis.RedisError if Redis does not answer."""

    def __init__(self, redis: Redis, clock: str | None = None) -> None:
        """clock: see `lua.source`."""
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
        """The receipt of the press that was made with this key; None if there was none. Raises KeyReused."""
        answer = cast(bytes | None, self._redis.get(_answer_key(store, key)))
        if answer is None:
            return None
        outcome, seq, starts_in_ms, place, *payloads = json.loads(answer)
        if payloads[:1] != [payload]:
            raise KeyReused(key)
        return Receipt(outcome, seq, starts_in_ms, place)

    def cancel(self, store: str, seq: int, *, till: int = 0) -> None:
        """Cancel a queued call, and let the calls behind it move up. Raises a subclass of CantCancel.

        till: the till to which the call must belong; 0 for any till.
        Cancelling a call twice is not an error, because the caller retries after a lost answer.
        """
        arguments = _arguments(store, secrets.token_hex(16), seq=seq, till=till)
        outcome = cast(bytes, self._cancel(keys=[*keys(store), history.KEY], args=arguments)).decode()
        if outcome != "cancelled":
            raise {"up": AlreadyShown, "another till": WrongTill}.get(outcome, NotQueued)(store, seq)

    def snapshot(self, store: str) -> Snapshot:
        """The store's timeline at this moment."""
        return Snapshot.from_reply(self._snapshot(keys=keys(store), args=[]))

    def set_idle(self, stores: Mapping[str, Idle]) -> None:
        """Change what the screens of these stores show between calls. Calls stay as they are.

        A store that shows this already is not announced. After a RedisError, some of the stores may have been changed.
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
        """What the screens of each of these stores show between calls; None for a store that Redis does not know."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                pipeline.hmget(keys(store)[0], ["language", "notice", "look"])
            replies = cast(list[list[bytes | None]], pipeline.execute())
        return [Idle(*((value or b"").decode() for value in reply)) if reply[0] else None for reply in replies]

    def ping(self) -> None:
        """Return if Redis answers."""
        self._redis.ping()


def _arguments(store: str, change_id: str, **named: object) -> list[str]:
    """The arguments of a script that changes a timeline: one JSON document, read in `lua/store.lua`."""
    shared = {
        "store": store,
        "change_id": change_id,
        "channel": REDIS_CHANNEL,
        "max_queued": MAX_QUEUED,
        "max_history": history.MAX_ENTRIES,
    }
    return [json.dumps(shared | named)]


def _answer_key(store: str, name: str) -> str:
    """The Redis key of the answer to a press. name: its press_id or key."""
    return f"cashier:{{{store}}}:press:{name}"
