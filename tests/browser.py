"""The browser of the tests: the machine's own Chromium, else Playwright's, else one that apt-get can install.

`python -m tests.browser` makes sure that there is one, or says how to get one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The background networking of a browser has no place in a test; root's Chromium needs --no-sandbox.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MANUAL = "Install Chromium (Debian: apt-get install chromium) or run `.venv/dev/bin/playwright install chromium`."


def executable() -> str | None:
    """Path of a browser that is there, or None."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> bool:
    """Try each way there is; whether one of them worked."""
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core"
        ways.insert(0, ["sh", "-c", apt])
    for way in ways:
        print(f"installing a browser for the tests: {' '.join(way)}", flush=True)
        if subprocess.run(way, stdout=subprocess.DEVNULL, check=False).returncode == 0 and executable():
            return True
    return False


@contextmanager
def launch(*more: str) -> Iterator[Browser]:
    """A headless browser until the block ends, with more arguments."""
    path = executable()
    if path is None:
        raise RuntimeError(f"there is no browser for the tests. {MANUAL}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    if not (executable() or install()):
        sys.exit(f"cashier_q: the tests need a browser, and none could be installed. {MANUAL}")
