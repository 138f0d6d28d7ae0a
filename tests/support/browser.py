"""Finds and starts a browser: the Chromium of this machine or, if there is none, the Chromium of Playwright.

`python -m tests.support.browser` installs a browser if there is none. If that fails, it prints how to install one.
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
# The tests do not need the browser's background networking, so it is disabled. Chromium needs --no-sandbox if root
# starts it.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MANUAL = "Install Chromium (Debian: apt-get install chromium) or run `.venv/dev/bin/playwright install chromium`."


def executable() -> str | None:
    """Return the path of an installed browser, or None if there is none."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> bool:
    """Install a browser with apt-get or Playwright. Returns whether a browser is installed now."""
    commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core"
        commands.insert(0, ["sh", "-c", apt])
    for command in commands:
        print(f"installing a browser for the tests: {' '.join(command)}", flush=True)
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0 and executable():
            return True
    return False


@contextmanager
def launch(*arguments: str) -> Iterator[Browser]:
    """Start a headless browser, and close it when the block ends.

    arguments: additional command-line options of Chromium.
    """
    path = executable()
    if path is None:
        raise RuntimeError(f"no browser is installed. {MANUAL}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    if not (executable() or install()):
        sys.exit(f"cashier_q: the tests need a browser, but its installation failed. {MANUAL}")
