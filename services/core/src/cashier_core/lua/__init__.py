"""The Lua scripts that read or change the timeline of a store. Redis runs each script as one atomic step."""

from importlib.resources import files

FOLDER = files("cashier_core") / "lua"
OFFSET_KEY = "cashier:clock"
"""The Redis key of the offset of the timeline's clock, in milliseconds."""
CHANGES_KEY = "cashier:changes"
"""The Redis key of a stream with the newest changes of the timelines of all stores.

An entry has the fields `store`, `epoch`, `rev` and `mark`: the version of the store's timeline after the change.
"""


def source(name: str, clock: str | None = None) -> str:
    """Return the Lua code of a script that concerns a store, preceded by the code that these scripts need.

    clock: Lua code that replaces `clock.lua`, so that a test can set the time.
    """
    return "\n".join([_clock(clock), (FOLDER / "store.lua").read_text(), (FOLDER / name).read_text()])


def clock_source(clock: str | None = None) -> str:
    """Return the Lua code of `timeline_clock.lua`, preceded by the code that it needs. clock: as in `source`."""
    return "\n".join([_clock(clock), (FOLDER / "timeline_clock.lua").read_text()])


def _clock(clock: str | None) -> str:
    return "\n".join([clock or (FOLDER / "clock.lua").read_text(), (FOLDER / "timeline_now.lua").read_text()])


def keys(store: str) -> list[str]:
    """Return the two keys of a store. Both contain the same hash tag, so a Redis cluster keeps them on one node."""
    return [f"cashier:{{{store}}}:store", f"cashier:{{{store}}}:calls"]
