"""Screens look as in the committed pictures, in each size, from left to right and from right to left."""

import pytest
from PIL import Image, ImageChops

from tests.support import pictures

SHARE = 0.01
"""The share of pixels that may differ, because each browser draws the edges of letters a little differently."""
CLEARLY = 64


def difference(one: Image.Image, other: Image.Image) -> float:
    """The share of the points whose brightness differs clearly."""
    changes = ImageChops.difference(one.convert("L"), other.convert("L")).histogram()
    return sum(changes[CLEARLY:]) / sum(changes)


@pytest.mark.timeout(240)
def test_screens_look_like_the_golden_pictures(own_topology, open_page, tmp_path) -> None:
    if pictures.installed_fonts() != pictures.FONTS.read_text():
        pytest.skip(f"the pictures were taken with other fonts than this machine has:\n{pictures.installed_fonts()}")
    seen, found = set(), {}
    for name, picture in pictures.take_pictures(own_topology, open_page):
        seen.add(name)
        with Image.open(pictures.FOLDER / f"{name}.png") as kept:
            assert picture.size == kept.size, name
            found[name] = difference(picture, kept)
        if found[name] > SHARE:
            picture.save(tmp_path / f"{name}.png")

    assert seen == {path.stem for path in pictures.FOLDER.glob("*.png")}
    assert max(found.values()) <= SHARE, f"{found}\nthe new pictures: {tmp_path}"
