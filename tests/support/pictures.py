"""Takes the golden pictures of screens.

`make screenshots` stores the pictures, and tests/e2e/test_pictures.py compares new pictures with the stored ones.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from cashier_core import timeline
from cashier_core.call import Policy
from tests.support.topologies import TopologyUnderTest

FOLDER = Path(__file__).parents[1] / "pictures"
FONTS = FOLDER / "fonts.txt"
SIZES = {"landscape": (960, 540), "portrait": (540, 960), "4k": (3840, 2160), "phone": (390, 844)}
LANGUAGES = ("en", "ar")
LONGEST_SIDE = 960
"""The longest side of a picture in pixels. Larger pictures are scaled down before they are stored or compared."""
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def installed_fonts() -> str:
    """Return the names of the fonts that this machine uses for screens.

    Pictures of two machines can only be compared if both machines use the same fonts.
    """
    patterns = ("Helvetica Neue:bold", "Arial:lang=ar:bold")
    return "".join(
        subprocess.run(["fc-match", pattern], capture_output=True, text=True, check=True).stdout for pattern in patterns
    )


def poster() -> Image.Image:
    """Return a picture that a store can show between calls."""
    picture = Image.linear_gradient("L").resize((1600, 900)).convert("RGB")
    ImageDraw.Draw(picture).ellipse((500, 150, 1100, 750), fill=(230, 120, 40))
    return picture


def take_pictures(topology: TopologyUnderTest, open_page: Callable[..., Page]) -> Iterator[tuple[str, Image.Image]]:
    """Take a new picture for each golden picture. Yields the name of the golden picture and the new picture.

    A screen with a called number is photographed twice: once in a store with media, and once in a store without media.
    Both pictures are yielded under the same name, because both must look like the same golden picture.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poster.png"
        poster().save(path)
        for language in LANGUAGES:
            for kind in ("plain", "media"):
                fields = {"name": "Market Hall", "language": language, "languages": LANGUAGES}
                topology.shell.call("add_store", slug=f"{language}-{kind}", **fields)
            topology.shell.call("add_picture", store=f"{language}-media", path=str(path))
    calls = timeline.Timeline(timeline.connect(topology.redis_url))
    for language in LANGUAGES:
        for kind in ("plain", "media"):
            pages = {}
            for size, (width, height) in SIZES.items():
                page = pages[size] = open_page(
                    "about:blank", viewport={"width": width, "height": height}, reduced_motion="reduce"
                )
                page.clock.set_fixed_time(NOON)
                # Without this entry in the session storage, the page would ask for a touch that enables sound. On a
                # kiosk, the page never asks.
                page.add_init_script("sessionStorage.setItem('sound-asked', 'yes')")
                page.goto(f"{topology.url}/s/{language}-{kind}/")
                expect(page.locator("body")).to_have_attribute("data-connection", "open")
                if kind == "media":
                    expect(page.locator("#media .front img")).to_be_visible()
                yield f"{size}-{language}-{'waiting' if kind == 'plain' else 'media'}", take_picture(page)
            calls.press(f"{language}-{kind}", 4, language, idle_language=language, hold_ms=60_000, policy=Policy.QUEUE)
            for size, page in pages.items():
                expect(page.locator(".number")).to_be_visible()
                yield f"{size}-{language}-called", take_picture(page)
                page.context.close()


def take_picture(page: Page) -> Image.Image:
    """Return a picture of the page, scaled down to `LONGEST_SIDE`."""
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return picture
