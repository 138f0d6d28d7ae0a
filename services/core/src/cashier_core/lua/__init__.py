"""The Lua scripts that read or change the timeline of a store. Redis runs each script as one atomic step."""

from importlib.resources import files


def source(name: str, clock: str | None = None) -> str:
    """Return the Lua code of the script `name`, preceded by the files that all scripts need: the clock and `store.lua`.

    clock: Lua code that replaces `clock.lua`, so that a test can set the time.
    """
    folder = files("cashier_core") / "lua"
    shared = [clock or (folder / "clock.lua").read_text(), (folder / "store.lua").read_text()]
    return "\n".join([*shared, (folder / name).read_text()])


def keys(store: str) -> list[str]:
    """Return the two keys of a store. Both contain the same hash tag, so a Redis cluster keeps them on one node."""
    return [f"cashier:{{{store}}}:store", f"cashier:{{{store}}}:calls"]
