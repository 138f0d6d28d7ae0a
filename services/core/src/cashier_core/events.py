"""The event: what the channel layer carries to every replica when a store's timeline changes."""

from collections.abc import Mapping
from dataclasses import dataclass

from cashier_core.call import LANGUAGES, Call
from cashier_core.idle import Waiting

MESSAGE_TYPE = "cashier.message"
PREFIX = "cashier"
"""The channel layer's prefix, the same for everybody on it."""


GROUP = "screens"
"""The channel-layer group that every replica joins once. One group for each store would be a subscription for each of a
chain's stores, one after the other, in the very moment in which all of a replica's screens come back."""
REDIS_CHANNEL = f"{PREFIX}__group__{GROUP}"
"""Redis channel under which `RedisPubSubChannelLayer` carries that group.

The scheduling script publishes there by itself, so that a call can't be scheduled and not announced.
"""


class BadEvent(ValueError):
    """A message on the channel layer that isn't an event."""


@dataclass(frozen=True, slots=True)
class Version:
    """Which state of a store's timeline something tells of; the default is a store that Redis knows nothing of.

    epoch: changes when Redis lost its data. rev: 1, 2, 3, ... for every change within an epoch.
    mark: a random word for each change, because a rev may come twice if Redis lost its last writes.
    """

    epoch: str = ""
    rev: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a store's timeline: a new call, one that is taken back, or only what is said between calls.

    after: mark of the change before it, "" for the first of an epoch. cancels: mark of the call that is taken back.
    """

    store: str
    version: Version
    after: str
    seq: int
    waiting: Waiting
    call: Call | None = None
    cancels: str = ""

    @classmethod
    def from_message(cls, message: object) -> "Event":
        """Read the message of design §3: `num_cashier` 0 is "please wait". Raises BadEvent."""
        if not isinstance(message, Mapping) or message.get("type") != MESSAGE_TYPE:
            raise BadEvent(f"not a {MESSAGE_TYPE}: {message!r}")
        try:
            num_cashier, seq = int(message["num_cashier"]), int(message["seq"])
            starts_in_ms, hold_ms = int(message["starts_in_ms"]), int(message["hold_ms"])
            # A web that is being replaced doesn't know all of them yet.
            language, label = str(message["language"]), str(message.get("label", ""))
            cancels = str(message.get("cancels", ""))
            waiting = Waiting(
                str(message["waiting_language"]), str(message.get("notice", "")), str(message.get("look", ""))
            )
            version = Version(str(message["epoch"]), int(message["rev"]), str(message["mark"]))
            store, after = str(message["store"]), str(message["after"])
        except (KeyError, TypeError, ValueError, OverflowError) as fault:
            raise BadEvent(f"{fault!r} in {message!r}") from None
        if not {language, waiting.language} <= LANGUAGES.keys() or num_cashier < 0 or hold_ms < 0:
            raise BadEvent(f"a value out of range in {message!r}")
        replaces = bool(message.get("replaces"))
        call = Call(version.mark, seq, num_cashier, language, starts_in_ms, hold_ms, replaces, label)
        return cls(store, version, after, seq, waiting, call if num_cashier else None, cancels)
