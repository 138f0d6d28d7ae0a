"""Takes the kept pictures of screens and records docs/press.gif, from a running topology: `make screenshots`."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from cashier_local.topology import Topology
from tests import pictures
from tests.browser import launch
from tests.conftest import run_topology
from tools.press_animation import record_press


def take_screens(topology: Topology, browser: Browser) -> None:
    def open_page(url: str, **options: object) -> Page:
        page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        page.goto(url)
        return page

    pictures.KEPT.mkdir(exist_ok=True)
    for name, picture in pictures.take(topology, open_page):
        picture.save(pictures.KEPT / f"{name}.png", optimize=True)
    pictures.FONTS.write_text(pictures.fonts())


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="cashier_q-") as folder,
        launch() as browser,
        contextmanager(run_topology)(Path(folder)) as topology,
    ):
        take_screens(topology, browser)
        record_press(topology, browser)


if __name__ == "__main__":
    main()
