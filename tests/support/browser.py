"""Find and start a browser: the Chromium of this machine or, if there is none, the Chromium of Playwright.

`python -m tests.support.browser` installs a browser if there is none, or prints how to install one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HEADLESS_SHELL = "chromium-headless-shell"
"""The name of a program that contains Chromium's engine, but no windows and no menus.

The tests prefer this program, because it needs less CPU time to open a page and its websocket: 0.8 s. Chromium needs
1.8 s, because it creates a whole invisible window for each page. Playwright, too, uses a headless shell for headless
tests.
"""

# The tests do not need the browser's background networking, so it is disabled. Chromium needs --no-sandbox if root
# starts it.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MANUAL = (
    f"Install Chromium (Debian: apt-get install chromium {HEADLESS_SHELL}) "
    "or run `.venv/dev/bin/playwright install chromium`."
)


def chromium() -> str | None:
    """Return the path of an installed Chromium, or None if there is none."""
    for name in CHROMIUM:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def find_browser() -> str:
    """Return the path of HEADLESS_SHELL or, without it, of Chromium. Raises RuntimeError if there is neither."""
    path = shutil.which(HEADLESS_SHELL) or chromium()
    if path is None:
        raise RuntimeError(f"no browser is installed. {MANUAL}")
    return path


def install() -> None:
    """Install Chromium, with and without windows, with apt-get. If that fails, install the Chromium of Playwright."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install_packages = f"apt-get install -y -qq chromium {HEADLESS_SHELL} fonts-dejavu-core libnss3-tools"
        run_command(["sh", "-c", f"apt-get update -qq && DEBIAN_FRONTEND=noninteractive {install_packages}"])
    if not chromium():
        run_command([sys.executable, "-m", "playwright", "install", "chromium"])


def run_command(command: list[str]) -> None:
    print(f"installing a browser for the tests: {' '.join(command)}", flush=True)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)


@contextmanager
def launch(*arguments: str, path: str | None = None) -> Iterator[Browser]:
    """Start a headless browser, and close it when the block ends.

    arguments: additional command-line options of Chromium.
    path: the browser's program. Without a path, HEADLESS_SHELL (Chromium without windows) is started if it is
        installed, otherwise Chromium.
    """
    path = path or find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    if not (shutil.which(HEADLESS_SHELL) and chromium()):
        install()
    if not chromium():
        sys.exit(f"cashier_q: the tests need a browser, but its installation failed. {MANUAL}")
