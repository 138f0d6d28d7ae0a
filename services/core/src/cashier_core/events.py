"""The event that is published through the channel layer to every ws replica when a store's timeline changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from cashier_core.call import LANGUAGES, Call
from cashier_core.idle import Idle

MESSAGE_TYPE = "cashier.message"
PREFIX = "cashier"
"""Prefix of the channel layer. Web and ws must use the same prefix."""

GROUP = "screens"
"""The one group of the channel layer, which every replica joins once.

With one group per store, a replica would need one subscription for each of a chain's stores, one after the other, at
the very moment when all of its screens reconnect.
"""

REDIS_CHANNEL = f"{PREFIX}__group__{GROUP}"
"""The Redis channel that `RedisPubSubChannelLayer` uses for the group.

The Lua scripts publish to this channel themselves, so that no call can be scheduled without being announced.
"""


class BadEvent(ValueError):
    """A message on the channel layer is not a valid event."""


@dataclass(frozen=True, slots=True)
class Version:
    """Identifies one state of a store's timeline. The default is a store that Redis does not know.

    epoch: changes when Redis has lost its data.
    rev: counts the changes within an epoch: 1, 2, 3, ...
    change_id: a random string for each change. It distinguishes two changes with the same rev, which happen when Redis
    restarts without its last writes.
    """

    epoch: str = ""
    rev: int = 0
    change_id: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a store's timeline: a new call, a cancelled call, or another idle text.

    version: the state after this change.
    after: change_id of the change before this one; "" for the first change of an epoch.
    seq: seq of the store's newest call.
    call: the new call, if there is one.
    cancels: call_id of the call that was cancelled; "" for none.
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
        """Parse a message of the channel layer. `num_cashier` is 0 if there is no new call. Raises BadEvent."""
        if not isinstance(message, Mapping) or message.get("type") != MESSAGE_TYPE:
            raise BadEvent(f"not a {MESSAGE_TYPE}: {message!r}")
        try:
            till, seq = int(message["num_cashier"]), int(message["seq"])
            starts_in_ms, hold_ms = int(message["starts_in_ms"]), int(message["hold_ms"])
            # Fields that are read with get() are missing from the messages of an older web, which may still run
            # during an update.
            language, label = str(message["language"]), str(message.get("label", ""))
            cancels = str(message.get("cancels", ""))
            idle = Idle(str(message["waiting_language"]), str(message.get("notice", "")), str(message.get("look", "")))
            version = Version(str(message["epoch"]), int(message["rev"]), str(message["mark"]))
            store, after = str(message["store"]), str(message["after"])
        except (KeyError, TypeError, ValueError, OverflowError) as fault:
            raise BadEvent(f"{fault!r} in {message!r}") from None
        if not {language, idle.language} <= LANGUAGES.keys() or till < 0 or hold_ms < 0:
            raise BadEvent(f"a value is out of range in {message!r}")
        replaces = bool(message.get("replaces"))
        # The change that schedules a call has the same id as the call.
        call = Call(version.change_id, seq, till, language, starts_in_ms, hold_ms, replaces, label)
        return cls(store, version, after, seq, idle, call if till else None, cancels)
