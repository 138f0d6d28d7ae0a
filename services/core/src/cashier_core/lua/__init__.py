"""The Lua scripts that Redis runs on a store's timeline. Each script is one atomic step."""

from importlib.resources import files


def source(name: str, clock: str | None = None) -> str:
    """The source of a script, with the parts that all scripts share in front.

    clock: Lua code that replaces `clock.lua`, so that a test can set the time.
    """
    folder = files("cashier_core") / "lua"
    shared = [clock or (folder / "clock.lua").read_text(), (folder / "store.lua").read_text()]
    return "\n".join([*shared, (folder / name).read_text()])


def keys(store: str) -> list[str]:
    """The store's two keys. They share one hash tag, so that a Redis cluster keeps them on one node."""
    return [f"cashier:{{{store}}}:store", f"cashier:{{{store}}}:calls"]
