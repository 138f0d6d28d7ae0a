"""Screens look like their golden pictures.

There are golden pictures for each size of screen, in English (written from left to right) and in Arabic (written from
right to left).
"""

import pytest
from PIL import Image, ImageChops

from tests.support import pictures

ALLOWED_SHARE = 0.01
"""The share of pixels that may differ, because each browser draws the edges of letters a little differently."""
MIN_DIFFERENCE = 64
"""The difference in brightness, on a scale from 0 to 255, from which a pixel counts as different."""


def different_share(one: Image.Image, other: Image.Image) -> float:
    """Return the share of the pixels whose brightness differs by `MIN_DIFFERENCE` or more between two pictures."""
    changes = ImageChops.difference(one.convert("L"), other.convert("L")).histogram()
    return sum(changes[MIN_DIFFERENCE:]) / sum(changes)


@pytest.mark.timeout(240)
def test_screens_look_like_the_golden_pictures(own_topology, open_page, tmp_path) -> None:
    if pictures.installed_fonts() != pictures.FONTS.read_text():
        pytest.skip(f"the golden pictures were taken with other fonts; this machine has:\n{pictures.installed_fonts()}")
    shares = {}
    for name, picture in pictures.take_pictures(own_topology, open_page):
        with Image.open(pictures.FOLDER / f"{name}.png") as golden:
            assert picture.size == golden.size, name
            shares[name] = different_share(picture, golden)
        if shares[name] > ALLOWED_SHARE:
            picture.save(tmp_path / f"{name}.png")

    assert set(shares) == {path.stem for path in pictures.FOLDER.glob("*.png")}
    assert max(shares.values()) <= ALLOWED_SHARE, f"{shares}\nThe new pictures that differ are in {tmp_path}."
