"""The scripts: Lua that Redis runs on a store's keys, each of them atomic."""

from importlib.resources import files


def source(name: str, clock: str | None = None) -> str:
    """Text of one script; `clock` replaces the Lua that tells the time, for tests of a timeline."""
    lua = files("cashier_core") / "lua"
    parts = (clock or (lua / "clock.lua").read_text(), (lua / "store.lua").read_text(), (lua / name).read_text())
    return "\n".join(parts)


def keys(store: str) -> list[str]:
    """The store's two keys, under one hash tag so that a cluster keeps them together."""
    return [f"cashier:{{{store}}}:store", f"cashier:{{{store}}}:calls"]
