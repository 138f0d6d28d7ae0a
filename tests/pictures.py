"""The pictures of a screen that are kept: taken by `make screenshots`, compared by tests/e2e/test_pictures.py."""

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
from cashier_local.topology import Topology

KEPT = Path(__file__).parent / "pictures"
FONTS = KEPT / "fonts.txt"
SIZES = {"landscape": (960, 540), "portrait": (540, 960), "4k": (3840, 2160), "phone": (390, 844)}
LANGUAGES = ("en", "ar")
LONGEST_SIDE = 960
"""In which they are kept; what is larger is made smaller."""
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
STORES = """
from cashier_web.media import files, uploads, views
from cashier_web.models import Store
for language in ("en", "ar"):
    for with_media in (False, True):
        slug = f"{{language}}-{{'media' if with_media else 'plain'}}"
        store = Store.objects.create(slug=slug, name="Market Hall", language=language, languages=["en", "ar"])
        if with_media:
            with shelf.changing(store) as locked, open({path!r}, "rb") as file:
                media.add(locked, *uploads.medium(file))
"""


def fonts() -> str:
    """Which ones this machine writes screens with: another one's letters are others."""
    asked = ("Helvetica Neue", "Arial:lang=ar")
    return "".join(
        subprocess.run(["fc-match", f"{name}:bold"], capture_output=True, text=True, check=True).stdout
        for name in asked
    )


def poster() -> Image.Image:
    """What a store might show between calls."""
    picture = Image.linear_gradient("L").resize((1600, 900)).convert("RGB")
    ImageDraw.Draw(picture).ellipse((500, 150, 1100, 750), fill=(230, 120, 40))
    return picture


def take(topology: Topology, open_page: Callable[..., Page]) -> Iterator[tuple[str, Image.Image]]:
    """Each name and how it looks now. A call on a screen with media is named as on one without: it is the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poster.png"
        poster().save(path)
        topology.shell.run(STORES.format(path=str(path)))
    calls = timeline.Timeline(timeline.connect(topology.redis_url))
    for language in LANGUAGES:
        for kind in ("plain", "media"):
            pages = {}
            for size, (width, height) in SIZES.items():
                page = pages[size] = open_page(
                    "about:blank", viewport={"width": width, "height": height}, reduced_motion="reduce"
                )
                page.clock.set_fixed_time(NOON)
                # No kiosk asks for a touch; this browser would, after some seconds.
                page.add_init_script("sessionStorage.setItem('sound-asked', 'yes')")
                page.goto(f"{topology.url}/s/{language}-{kind}/")
                expect(page.locator("body")).to_have_attribute("data-connection", "open")
                if kind == "media":
                    expect(page.locator("#media .front img")).to_be_visible()
                yield f"{size}-{language}-{'waiting' if kind == 'plain' else 'media'}", shot(page)
            calls.press(
                f"{language}-{kind}", 4, language, waiting_language=language, hold_ms=60_000, policy=Policy.QUEUE
            )
            for size, page in pages.items():
                expect(page.locator(".number")).to_be_visible()
                yield f"{size}-{language}-called", shot(page)
                page.context.close()


def shot(page: Page) -> Image.Image:
    """How the page looks, no larger than is kept."""
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return picture
