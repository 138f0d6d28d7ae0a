"""Schedules, cancels and reads the calls of stores. Redis does each of these with a Lua script, in one atomic step."""

import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import BusyLoadingError, NoScriptError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from cashier_core import history
from cashier_core.call import Policy
from cashier_core.events import REDIS_CHANNEL
from cashier_core.idle import Idle
from cashier_core.lua import CHANGES_KEY, OFFSET_KEY, clock_source, keys, source
from cashier_core.redis_address import redis_client
from cashier_core.redis_clock import SET, ClockUnknown, ClockWatch, Reading
from cashier_core.snapshot import Snapshot

log = logging.getLogger(__name__)

MAX_QUEUED = 20
"""The maximum number of queued calls in one store. If this many calls are already queued, the next press is refused."""
VERSION_LENGTH = 16
"""The number of characters in the version of a document with which a press is checked."""
KEY_SECONDS = 3600
"""The seconds for which Redis remembers the answer to a press with an idempotency key.

This time is long, because a device may have no network for a while before it can send the press again.
"""
STORED_SECONDS = 2 * KEY_SECONDS
"""The seconds after which Redis deletes an answer by itself.

Redis uses its own clock for this. The time is twice as long as KEY_SECONDS, so that an answer is still there if this
clock is set forward by an hour.
"""
MAX_KEYS_OF_STORE = 10_000
"""How many answers to presses with an idempotency key Redis remembers for one store."""
MAX_KEYS = 200_000
"""How many answers to presses with an idempotency key Redis remembers for all stores together."""
RESERVED_KEYS = 200
"""How many answers to presses with an idempotency key Redis remembers for one store even if MAX_KEYS is reached."""
MAX_ANSWERS = 50_000
"""How many answers to presses without an idempotency key Redis remembers. It forgets the oldest of them.

Nginx sends a press to another worker process within seconds. In this time, there are far fewer presses.
"""
SEQ_VALID_AFTER_SECONDS = 3600
"""For this long after Redis has lost its data, a call cannot be cancelled by its seq, but only by its call_id.

A call is queued for at most 21 minutes, and a device that repeats a request gives up within an hour.
"""

WRITTEN_KEY = "cashier:written"
"""A key that is written before WAIT, because WAIT waits only for the last write of its own connection.

A script that is repeated writes nothing: it returns the answer that Redis remembers."""
COPY_MS = 1000
"""How long Redis waits until enough replicas have a change. Shorter than the timeout of the connection (`connect`)."""

ONE_PRESS_SECONDS = 1.0
"""All presses of a simple button within this time are one press, because some buttons send each press twice."""

Outcome = Literal["called", "waits", "waits already", "stays up"]


class Unanswered(RedisError):
    """Raised if nobody knows whether a change was made.

    Redis may have got a script but has sent no answer. A Redis that hangs may execute the script later. Or Redis has
    executed the script, but too few replicas have the change. If the primary fails, the change may be lost.
    """


class QueueFull(Exception):
    """Raised if a press is refused because `MAX_QUEUED` calls are queued in the store. The timeline is not changed."""


class KeyReused(Exception):
    """Raised if an idempotency key was already used for a press with another payload. The timeline is not changed."""


class TooManyKeys(Exception):
    """Raised if too many answers to keyed presses are remembered for the store. The timeline is not changed."""


class HistoryFull(Exception):
    """Raised if the history in Redis is full, because web could not move it to the database for a long time.

    The timeline is not changed. The call would be missing in the history.
    """


class StaleDocument(Exception):
    """Raised if a press was checked with a document that has changed. The timeline is not changed."""


class CantCancel(Exception):
    """Raised if a call cannot be cancelled; the subclasses give the reason. The timeline is not changed."""


class NotQueued(CantCancel):
    """The call cannot be cancelled, because it does not exist or has already ended."""


class AlreadyShown(CantCancel):
    """The call cannot be cancelled, because the screens already show it. It is shown for its whole hold."""


class WrongTill(CantCancel):
    """The call cannot be cancelled, because it belongs to another till than the till that the request names."""


class Ambiguous(CantCancel):
    """The call cannot be cancelled by its seq, because Redis may have given this seq to two calls."""


def has_no_replicas(fault: RedisError) -> bool:
    """Return whether a primary has refused a change because it has lost its replicas (`min-replicas-to-write`)."""
    return isinstance(fault, ResponseError) and str(fault).startswith("NOREPLICAS")


REFUSALS: dict[bytes, type[Exception]] = {
    b"full": QueueFull,
    b"key reused": KeyReused,
    b"too many keys": TooManyKeys,
    b"history full": HistoryFull,
    b"stale document": StaleDocument,
}
"""The exception for each reply with which `press.lua` refuses a press."""


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
    call_id: identifies the call; "" if an older version of web has scheduled the call.
    """

    outcome: Outcome
    seq: int
    starts_in_ms: int
    place: int
    call_id: str = ""


def connect(url: str) -> "Redis":
    """Create a Redis client that never repeats a command.

    After a timeout, nobody knows whether Redis has executed the command. A press that is executed twice could make two
    calls. The client waits for a connection for only half a second, because after a failover of Redis, the host of the
    old primary may be gone.
    """
    return redis_client(url, socket_connect_timeout=0.5, socket_timeout=2, retry=Retry(NoBackoff(), 0))


class Timeline:
    """Changes and reads the timelines of all stores. Every method raises redis.RedisError if Redis does not answer."""

    def __init__(
        self,
        redis: Redis,
        clock: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        copies: int = 0,
    ) -> None:
        """clock: Lua code that tests use in place of the clock of Redis; None for the clock of Redis.

        monotonic: the clock of this process; see ClockWatch.
        copies: how many replicas of Redis must have a change before it counts as made. With at least one, no such
        change is lost if the primary dies or is isolated.
        """
        self._redis = redis
        self._copies = copies
        self._watch = ClockWatch(monotonic)
        self._read_clock = redis.register_script(clock_source(clock))
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
        documents: Sequence[tuple[str, str, str]] = (),
    ) -> Receipt:
        """Schedule a call and announce it to all screens of the store.

        Raises QueueFull, KeyReused, TooManyKeys, HistoryFull or StaleDocument. Raises Unanswered if the call may have
        been scheduled although Redis has sent no answer. If another RedisError is raised, the call was not scheduled.

        till, label: the number of the till, and its label; "" if the till has no label.
        language: the language of the call.
        idle_language: the language of the idle text. It is stored only if Redis has lost the store's data.
        hold_ms: milliseconds for which the call is shown.
        policy: the policy of the store.
        press_id: a random text that identifies this press and its call. A second press with the same press_id changes
        nothing and gets the same receipt.
        key: an idempotency key; "" for none. A key works like a press_id, but a device has chosen the key, and Redis
        remembers it for `KEY_SECONDS`.
        payload: the body of the device's request. If a request with the same key has another body, KeyReused is raised.
        by: the person or device that has pressed, for example "device 7". Only the history contains this value.
        again: whether the same customer is called once more. Only the history contains this value.
        documents: the documents with which the press was checked: for each its Redis hash, its field in this hash, and
        its version. If one of them has another version now, StaleDocument is raised.
        """
        press_id = press_id or secrets.token_hex(16)
        names = [_answer_key(store, key or press_id), history.KEY, KEYED_ANSWERS, KEYED_COUNTS, OTHER_ANSWERS]
        names += [hash_key for hash_key, _field, _version in documents]
        reply = self._run(
            self._press,
            store,
            names,
            copies=self._copies,
            change_id=press_id,
            till=till,
            label=label,
            language=language,
            idle_language=idle_language,
            hold_ms=hold_ms,
            replaces=policy == Policy.REPLACE,
            payload=payload,
            is_keyed=bool(key),
            remembered_ms=KEY_SECONDS * 1000,
            stored_ms=STORED_SECONDS * 1000,
            max_answers=MAX_ANSWERS,
            max_keys=MAX_KEYS,
            max_keys_of_store=MAX_KEYS_OF_STORE,
            reserved_keys=RESERVED_KEYS,
            max_history=history.MAX_ENTRIES,
            by=by,
            again=again,
            documents=[(field, version) for _hash_key, field, version in documents],
        )
        if refusal := REFUSALS.get(reply[0]):
            raise refusal(store)
        return _receipt([value.decode() if isinstance(value, bytes) else value for value in reply])

    def first_press_id(self, store: str, button: str, press_id: str) -> str:
        """Return the same press_id for all presses of a button within `ONE_PRESS_SECONDS`: the press_id of the first.

        button: a text that identifies the button in its store. press_id: the press_id of this press.
        """
        key = f"cashier:{{{store}}}:button:{button}"
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(key, press_id, nx=True, px=round(ONE_PRESS_SECONDS * 1000))
            pipeline.get(key)
            pipeline.ttl(key)
            _set, first, seconds = cast(tuple[Any, bytes | None, int], tuple(pipeline.execute()))
        if seconds > ONE_PRESS_SECONDS:
            # The clock of Redis was set back, so the key would exist for too long.
            self._redis.set(key, press_id, px=round(ONE_PRESS_SECONDS * 1000))
            return press_id
        return first.decode() if first else press_id

    def receipt(self, store: str, key: str, payload: str) -> Receipt | None:
        """Return the receipt of the press with this idempotency key; None if Redis knows no such press.

        Raises KeyReused if the press had another payload. Raises Unanswered if too few replicas have the press.
        """
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(_answer_key(store, key))
            if self._copies:
                pipeline.set(WRITTEN_KEY, 1)
                pipeline.wait(self._copies, COPY_MS)
            answer, *confirmed = pipeline.execute()
        if answer and confirmed and confirmed[-1] < self._copies:
            raise Unanswered(f"{confirmed[-1]} replicas have the press")
        if answer is None:
            return None
        stored = json.loads(answer)
        if stored[4:5] != [payload]:
            raise KeyReused(key)
        return _receipt(stored)

    def cancel(self, store: str, call_id: str, *, till: int = 0) -> None:
        """Cancel a queued call, and let the calls behind it begin earlier.

        Raises a subclass of CantCancel. Raises Unanswered if the call may have been cancelled although Redis has sent
        no answer.

        till: the till to which the call must belong; 0 for any till.
        Cancelling a call twice is not an error, because a device repeats its request if the first answer is lost.
        """
        self._cancel_call(store, till, call_id=call_id)

    def cancel_seq(self, store: str, seq: int, *, by: str, till: int = 0) -> None:
        """Cancel a queued call, like `cancel`, for devices that know only the seq of the call.

        by: who must have made the call, as in `press`. Raises Ambiguous if the seq does not identify the call, because
        Redis has lost its data less than `SEQ_VALID_AFTER_SECONDS` ago.
        """
        self._cancel_call(store, till, seq=seq, by=by)

    def _cancel_call(self, store: str, till: int, **call: object) -> None:
        outcome = self._run(
            self._cancel,
            store,
            [history.KEY],
            copies=self._copies,
            change_id=secrets.token_hex(16),
            till=till,
            seq_valid_after_ms=SEQ_VALID_AFTER_SECONDS * 1000,
            **call,
        ).decode()
        if outcome != "cancelled":
            reasons = {"up": AlreadyShown, "another till": WrongTill, "ambiguous": Ambiguous}
            raise reasons.get(outcome, NotQueued)(store, call)

    def snapshot(self, store: str) -> Snapshot:
        """Read the timeline of the store from Redis."""
        return Snapshot.from_reply(self._run(self._snapshot, store))

    def check_clock(self) -> None:
        """Compare the clock of Redis with the clock of this process, and correct the timeline's clock if necessary."""
        sent = self._watch.monotonic()
        now, offset = cast(list[int], self._read_clock(keys=[OFFSET_KEY]))
        if jump := self._watch.jump_ms(Reading(now, sent, self._watch.monotonic())):
            log.warning("the clock of Redis was set by %+d ms; no call is affected", jump)
            self._read_clock(keys=[OFFSET_KEY], args=[offset, -jump])

    def _run(self, script: Script, store: str, names: Sequence[str] = (), *, copies: int = 0, **named: object) -> Any:
        """Run a script that needs the time, and return its reply. copies: as for `_send`.

        If the clock of Redis was set since this process has read it, the script does nothing. Then the timeline's clock
        is corrected, and the script is run again.
        """
        for _attempt in range(2):
            if self._watch.is_stale():
                self.check_clock()
            arguments = _arguments(store, **named, **self._watch.limits())
            reply = self._send(script, [*keys(store), OFFSET_KEY, CHANGES_KEY, *names], arguments, copies)
            if reply != SET:
                return reply
            self.check_clock()
        raise ClockUnknown("the clock of Redis was set twice within a moment")

    def set_idle(self, stores: Mapping[str, Idle]) -> None:
        """Change what the screens of these stores show between calls. The calls of the stores do not change.

        stores: for each slug, the new idle text and appearance.
        If a store already has these values, nothing is announced for it. If RedisError is raised, some of the stores
        may have been changed.
        """
        with self._redis.pipeline(transaction=True) as pipeline:
            for store, idle in stores.items():
                # A change of the idle text needs no plausible time, because it contains no durations.
                arguments = _arguments(
                    store,
                    change_id=secrets.token_hex(16),
                    language=idle.language,
                    notice=idle.notice,
                    appearance_id=idle.appearance_id,
                )
                self._set_idle(keys=[*keys(store), OFFSET_KEY, CHANGES_KEY], args=arguments, client=pipeline)
            pipeline.execute()

    def idle(self, stores: Sequence[str]) -> list[Idle | None]:
        """Return what the screens of each store show between calls, or None for a store that Redis does not know."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for store in stores:
                pipeline.hmget(keys(store)[0], ["language", "notice", "look"])
            replies = cast(list[list[bytes | None]], pipeline.execute())
        return [Idle(*((value or b"").decode() for value in reply)) if reply[0] else None for reply in replies]

    def forget(self, store: str) -> None:
        """Delete the timeline of a store that no longer exists. Answers to presses of this store expire later."""
        self._redis.delete(*keys(store))

    def _send(self, script: Script, names: list[str], arguments: list[str], copies: int) -> Any:
        """Run a script, wait until `copies` replicas have its change, and return its reply.

        Raises Unanswered if Redis may have executed the script, or if too few replicas have its change. If another
        RedisError is raised, Redis has not executed the script.
        """
        pool = self._redis.connection_pool
        # Get a connection, and put it back for the script. If Redis cannot be reached, this line raises an exception
        # before the script is sent. So an exception during the script means that Redis may have got the script.
        pool.release(pool.get_connection())
        try:
            return self._copied(script, names, arguments, copies) if copies else script(keys=names, args=arguments)
        except BusyLoadingError:  # Redis has just started, reads its data from the disk, and refuses all scripts.
            raise
        except (RedisConnectionError, RedisTimeoutError) as error:
            raise Unanswered(str(error)) from error

    def _copied(self, script: Script, names: list[str], arguments: list[str], copies: int) -> Any:
        """Run a script as `_send` does, if `copies` is not 0."""
        while True:
            # WAIT must use the connection of the script. A pipeline uses one connection.
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.evalsha(script.sha, len(names), *names, *arguments)
                pipeline.set(WRITTEN_KEY, 1)
                pipeline.wait(copies, COPY_MS)
                reply, written, reached = pipeline.execute(raise_on_error=False)
            if isinstance(reply, NoScriptError):  # Redis forgets scripts when it is restarted.
                self._redis.script_load(script.script)
            elif isinstance(reply, RedisError):
                raise reply
            elif isinstance(written, RedisError) or isinstance(reached, RedisError) or reached < copies:
                raise Unanswered(f"{reached} replicas have the change")
            else:
                return reply

    def ping(self) -> None:
        """Check that Redis answers. Raises redis.RedisError if Redis does not answer."""
        self._redis.ping()


def _arguments(store: str, **named: object) -> list[str]:
    """Return the arguments of a Lua script as one JSON document, which `lua/store.lua` reads."""
    return [json.dumps({"store": store, "channel": REDIS_CHANNEL, "max_queued": MAX_QUEUED} | named)]


def _receipt(answer: Sequence[Any]) -> Receipt:
    """Create the receipt from the list that `press.lua` returns and stores."""
    outcome, seq, starts_in_ms, place, *more = answer
    return Receipt(outcome, seq, starts_in_ms, place, *more[1:2])


KEYED_ANSWERS, KEYED_COUNTS, OTHER_ANSWERS = "cashier:answers", "cashier:answers:counts", "cashier:answers:other"
"""The Redis keys that contain the names of all stored answers; `press.lua` explains them."""


def _answer_key(store: str, name: str) -> str:
    """Return the Redis key for the answer to a press. name: the press_id or the idempotency key of the press."""
    return f"cashier:{{{store}}}:press:{name}"
