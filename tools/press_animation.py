"""Records docs/press.gif, which shows the buttons page and a screen side by side while two tills call.

`make screenshots` runs this module.
"""

import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

from cashier_local.topology import ROOT, Topology

PATH = ROOT / "docs" / "press.gif"
BUTTONS, SCREEN = (760, 560), (1000, 562)
"""The sizes in pixels at which the browser shows the page with the buttons and the page of the screen."""
HEIGHT, MARGIN = 280, 16
"""The height of the buttons page and the screen's page in the animation, and the margin around them, in pixels."""
COLOURS = 64
FRAME_SECONDS = 0.12
"""The shortest time in seconds between two frames. On two cores, the screenshots of a frame take about as long."""
SECONDS = 8.4
PRESSES = {0.9: 4, 2.2: 2}
"""Maps the time of each press, in seconds since the recording began, to the till that presses.

The second call is queued until the first call has been shown for 3 seconds."""
TOUCH_SECONDS = 0.4
"""The time in seconds for which a circle marks the button that was pressed."""


@dataclass
class Frame:
    """A picture of the buttons page and the screen's page, side by side. at: seconds since the recording began."""

    at: float
    picture: Image.Image


def record_press(topology: Topology, browser: Browser, path: Path = PATH) -> None:
    """Press two buttons of the default store, and save its buttons page and its screen's page as an animation."""
    buttons = open_page(browser, f"{topology.url}/cashier_buttons", BUTTONS)
    screen = open_page(browser, f"{topology.url}/", SCREEN)
    expect(screen.locator("body")).to_have_attribute("data-connection", "open")
    save(record(buttons, screen), path)


def open_page(browser: Browser, url: str, size: tuple[int, int]) -> Page:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    # This browser plays no sound before a touch, so the screen's page would show a button that asks for a touch. A
    # kiosk shows no such button. With the entry 'sound-asked', the page believes that it has already asked.
    page.add_init_script("sessionStorage.setItem('sound-asked', 'yes')")
    page.goto(url)
    return page


def record(buttons: Page, screen: Page) -> list[Frame]:
    """Press the buttons in PRESSES at their times. Returns pictures that were taken meanwhile, each of both pages."""
    frames: list[Frame] = []
    presses, touched, touched_until = dict(PRESSES), None, 0.0
    began = time.monotonic()
    while (now := time.monotonic() - began) < SECONDS:
        if presses and now >= min(presses):
            button = buttons.locator(f"button[value='{presses.pop(min(presses))}']")
            touched, touched_until = button.bounding_box(), now + TOUCH_SECONDS
            button.click()
        frames.append(Frame(now, side_by_side(picture_of(buttons), picture_of(screen))))
        if touched and now < touched_until:
            scale = HEIGHT / BUTTONS[1]
            middle = (
                MARGIN + scale * (touched["x"] + touched["width"] / 2),
                MARGIN + scale * (touched["y"] + touched["height"] * 0.75),
            )
            ImageDraw.Draw(frames[-1].picture).circle(middle, 14, fill="#ffffff", outline="#222222", width=2)
        buttons.wait_for_timeout(max(0, 1000 * (began + now + FRAME_SECONDS - time.monotonic())))
    return frames


def picture_of(page: Page) -> Image.Image:
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    return picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT), Image.Resampling.LANCZOS)


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    size = (left.width + right.width + 3 * MARGIN, HEIGHT + 2 * MARGIN)
    both = Image.new("RGB", size, "#4b5563")
    both.paste(left, (MARGIN, MARGIN))
    both.paste(right, (left.width + 2 * MARGIN, MARGIN))
    return both


def save(frames: list[Frame], path: Path) -> None:
    """Write the frames as a GIF that repeats without end.

    Equal frames that follow each other are combined: the first of them is shown until the next different frame.
    """
    distinct = [frame for index, frame in enumerate(frames) if not index or frame.picture != frames[index - 1].picture]
    ends = [frame.at for frame in distinct[1:]] + [SECONDS]
    palette = common_palette([frame.picture for frame in distinct])
    pictures = [frame.picture.quantize(palette=palette, dither=Image.Dither.NONE) for frame in distinct]
    durations = [round(1000 * (end - frame.at)) for frame, end in zip(distinct, ends, strict=True)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=True)


def common_palette(pictures: list[Image.Image]) -> Image.Image:
    """Return one palette of colours for all frames.

    If each frame had its own palette, parts that do not change would flicker.
    """
    width, height = pictures[0].size
    column = Image.new("RGB", (width, height * len(pictures)))
    for index, picture in enumerate(pictures):
        column.paste(picture, (0, index * height))
    return column.quantize(COLOURS)
