"""A screen in a background tab of a real Chromium is found, and it is well again in the foreground."""

from cashier_local.ports import wait_until
from tests.support.browser import chromium
from tests.support.chromium_tabs import chromium_tabs


def test_a_screen_in_a_background_tab_is_hidden(topology, make_store, tmp_path) -> None:
    slug = make_store()
    secret = topology.shell.call("pair_screen", store=slug, name="tab", is_muted=True)

    def state() -> list[str]:
        found: list[str] = topology.shell.call("state_of_screen", store=slug, name="tab")
        return found

    program = chromium()
    assert program, "`make test` installs Chromium"
    with chromium_tabs(program, tmp_path / "profile") as tabs:
        screen = tabs.first()
        tabs.send(screen, "Network.setCookie", name="screen", value=secret, url=topology.url)
        tabs.send(screen, "Page.navigate", url=f"{topology.url}/s/{slug}/")
        wait_until(lambda: state() == ["showing", ""], 60, "the screen shows calls")

        tabs.open()
        assert tabs.evaluate(screen, "document.visibilityState") == "hidden"
        wait_until(lambda: state() == ["hidden", "hidden"], 60, "the screen is hidden")
        tabs.activate(screen)
        wait_until(lambda: state() == ["showing", ""], 60, "the screen shows calls again")
