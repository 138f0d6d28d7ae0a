"""Takes the golden pictures in tests/pictures and records docs/press.gif: `make screenshots`.

The program starts a topology, and takes the pictures of the topology's pages.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.support import pictures
from tests.support.browser import launch
from tests.support.topologies import TopologyUnderTest, run_topology
from tools.press_animation import record_press


def take_screens(topology: TopologyUnderTest, browser: Browser) -> None:
    def open_page(url: str, **options: object) -> Page:
        page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        page.goto(url)
        return page

    pictures.FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures.take_pictures(topology, open_page):
        picture.save(pictures.FOLDER / f"{name}.png", optimize=True)
    pictures.FONTS.write_text(pictures.installed_fonts())


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="cashier_q-") as folder,
        launch() as browser,
        run_topology(Path(folder)) as topology,
    ):
        take_screens(topology, browser)
        record_press(topology, browser)


if __name__ == "__main__":
    main()
