"""Defines the event: the message that tells all ws replicas, over the channel layer, how a store's timeline changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from cashier_core.call import LANGUAGES, Call
from cashier_core.idle import Idle

MESSAGE_TYPE = "cashier.message"
PREFIX = "cashier"
"""The prefix of all Redis channels of the channel layer. web and ws must use the same prefix."""

GROUP = "screens"
"""The only group of the channel layer. Each replica joins it once, and then gets the events of all stores.

With one group per store, a replica would have to subscribe to hundreds of groups, one after the other. This would delay
the replica just when the screens of all stores reconnect.
"""

REDIS_CHANNEL = f"{PREFIX}__group__{GROUP}"
"""The Redis channel through which the channel layer sends the events of `GROUP` to all replicas.

The Lua scripts publish events to this channel in the same step in which they change the timeline. Therefore every call
that is scheduled is also announced.
"""


class BadEvent(ValueError):
    """Raised if a message on the channel layer is not a valid event."""


@dataclass(frozen=True, slots=True)
class Version:
    """Identifies one state of a store's timeline. The default values stand for a store that Redis does not know.

    epoch: a random text, which is new after Redis has lost its data.
    rev: the number of changes within the epoch: 1, 2, 3, ...
    change_id: a random text, which is new for each change. The change_id distinguishes two different changes that have
    the same rev. Such changes can exist if Redis restarts without its last writes.
    """

    epoch: str = ""
    rev: int = 0
    change_id: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a store's timeline: a new call, a cancelled call, or a new idle text or appearance.

    store: the slug of the store.
    version: the version of the timeline after this change.
    after: the change_id of the previous change; "" for the first change of an epoch.
    seq: the seq of the store's newest call.
    idle: the idle text and the appearance after this change.
    call: the new call; None if the change is not a new call.
    cancels: the call_id of the call that was cancelled; "" if no call was cancelled.
    """

    store: str
    version: Version
    after: str
    seq: int
    idle: Idle
    call: Call | None = None
    cancels: str = ""

    @classmethod
    def from_message(cls, message: object) -> "Event":
        """Parse a message of the channel layer. If its `num_cashier` is 0, there is no new call. Raises BadEvent."""
        if not isinstance(message, Mapping) or message.get("type") != MESSAGE_TYPE:
            raise BadEvent(f"not a {MESSAGE_TYPE}: {message!r}")
        try:
            till, seq = int(message["num_cashier"]), int(message["seq"])
            starts_in_ms, hold_ms = int(message["starts_in_ms"]), int(message["hold_ms"])
            # During an update, an older version of web may still run, and its messages may lack newer fields. Therefore
            # newer fields are read with get(), and have a default.
            language, label = str(message["language"]), str(message.get("label", ""))
            cancels = str(message.get("cancels", ""))
            ends_at_ms = int(message["now"]) + starts_in_ms + hold_ms if "now" in message else 0
            idle = Idle(str(message["waiting_language"]), str(message.get("notice", "")), str(message.get("look", "")))
            version = Version(str(message["epoch"]), int(message["rev"]), str(message["mark"]))
            store, after = str(message["store"]), str(message["after"])
        except (KeyError, TypeError, ValueError, OverflowError) as fault:
            raise BadEvent(f"{fault!r} in {message!r}") from None
        if not {language, idle.language} <= LANGUAGES.keys() or till < 0 or hold_ms < 0:
            raise BadEvent(f"a value is out of range in {message!r}")
        replaces = bool(message.get("replaces"))
        # The call_id of a new call is the change_id of the change that schedules the call.
        call = Call(version.change_id, seq, till, language, starts_in_ms, hold_ms, replaces, label, ends_at_ms)
        return cls(store, version, after, seq, idle, call if till else None, cancels)
