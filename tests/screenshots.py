"""Takes the README's pictures from a running topology: `make screenshots`."""

import os
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from local.topology import ROOT, Topology
from tests.browser import launch


def main() -> None:
    docs = ROOT / "docs"
    environment = {"PATH": os.environ["PATH"], "CASHIER_OPEN_BUTTONS": "true", "CASHIER_OPEN_SCREENS": "true"}
    with tempfile.TemporaryDirectory(prefix="cashier_q-") as folder, launch() as browser:
        topology = Topology(Path(folder), lambda name, line: None, environment=environment)
        topology.start()
        try:
            screen = browser.new_page(viewport={"width": 960, "height": 540})
            screen.goto(topology.url)
            expect(screen.locator("body")).to_have_attribute("data-connection", "open")
            screen.screenshot(path=docs / "waiting.png")
            buttons = browser.new_page(viewport={"width": 960, "height": 540})
            buttons.goto(f"{topology.url}/cashier_buttons")
            for key in ("4", "2", "1"):
                buttons.keyboard.press(key)
            expect(buttons.locator("#receipts li")).to_have_count(3)
            expect(screen.locator(".number")).to_have_text("Nº4")
            screen.screenshot(path=docs / "screen.png")
            buttons.screenshot(path=docs / "buttons.png")
        finally:
            topology.stop()


if __name__ == "__main__":
    main()
