"""Takes the pictures that are kept anew, from a running topology: `make screenshots`. The README shows some of them."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from cashier_local.topology import ROOT, Topology
from tests import pictures
from tests.browser import launch
from tests.conftest import run_topology


def take_screens(topology: Topology, browser: Browser) -> None:
    def open_page(url: str, **options: object) -> Page:
        page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        page.goto(url)
        return page

    pictures.KEPT.mkdir(exist_ok=True)
    for name, picture in pictures.take(topology, open_page):
        picture.save(pictures.KEPT / f"{name}.png", optimize=True)
    pictures.FONTS.write_text(pictures.fonts())


def take_buttons(topology: Topology, browser: Browser) -> None:
    buttons = browser.new_page(viewport={"width": 960, "height": 540})
    buttons.goto(f"{topology.url}/cashier_buttons")
    for key in ("4", "2", "1"):
        buttons.keyboard.press(key)
    expect(buttons.locator("#receipts li")).to_have_count(3)
    buttons.screenshot(path=ROOT / "docs" / "buttons.png")


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="cashier_q-") as folder,
        launch() as browser,
        contextmanager(run_topology)(Path(folder)) as topology,
    ):
        take_screens(topology, browser)
        take_buttons(topology, browser)


if __name__ == "__main__":
    main()
