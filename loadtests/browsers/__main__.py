"""Opens screens in real browsers, and records what they paint: `python -m loadtests.browsers <url> <folder> <slug>...`.

Each slug gets a browser of its own. When all browsers have painted, the program writes the file READY into the folder.
It ends when its standard input ends, and then writes its records into the folder.
"""

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, ViewportSize, async_playwright

from loadtests.browsers.browser_screen import BrowserScreen
from loadtests.browsers.files import READY, RECORDS
from loadtests.clients.pages import store_path
from loadtests.measure.records import Records
from tests.support.browser import ARGUMENTS, find_browser

RECORDER = Path(__file__).with_name("recorder.js")
PAINT_SECONDS = 60.0
VIEWPORT = ViewportSize(width=1280, height=720)


def end_after_crash(crashed: object) -> None:
    """End this program at once. Without its browser, nobody knows whether the screen would have shown the calls."""
    print(f"a browser has crashed: {crashed}", file=sys.stderr, flush=True)
    os._exit(1)


async def open_screen(context: BrowserContext, url: str, screen: BrowserScreen) -> None:
    """Open the page of a screen in a browser, and wait until the page has painted.

    Raises TimeoutError if the page does not paint in time.
    """
    page = await context.new_page()

    def answer_received(event: dict[str, Any]) -> None:
        screen.answer_received(event["response"]["headers"])

    network = await context.new_cdp_session(page)
    network.on("Network.webSocketHandshakeResponseReceived", answer_received)
    await network.send("Network.enable")
    page.on("crash", end_after_crash)
    await page.expose_function("reportToLoadTest", screen.add)
    await page.add_init_script(path=RECORDER)
    await page.goto(f"{url}{store_path(screen.store)}")
    async with asyncio.timeout(PAINT_SECONDS):
        await screen.painted.wait()


async def show(program: str, url: str, folder: Path, slugs: list[str]) -> None:
    """Open the browsers, and keep them open until the standard input ends. program: the path of the browser."""
    screens = [BrowserScreen(f"{slug}/browser-{number}", slug) for number, slug in enumerate(slugs, start=1)]
    async with async_playwright() as playwright:
        browsers = [await playwright.chromium.launch(executable_path=program, args=ARGUMENTS) for _ in screens]
        for browser, screen in zip(browsers, screens, strict=True):
            await open_screen(await browser.new_context(viewport=VIEWPORT), url, screen)
        (folder / READY).touch()
        for browser in browsers:
            browser.on("disconnected", end_after_crash)
        await asyncio.to_thread(sys.stdin.read)
        for screen in screens:
            screen.stop()
        for browser in browsers:
            browser.remove_listener("disconnected", end_after_crash)
            await browser.close()
    connections = [record for screen in screens for record in screen.records]
    name = f"{socket.gethostname()}/browsers {os.getpid()}"
    Records(connections=connections, name=name).write(folder / RECORDS)


if __name__ == "__main__":
    asyncio.run(show(find_browser(), sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
