"""What a voice's file says: its clips, as a screen finds them, and what each has as its title."""

import io
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from cashier_web.screens.voices import FOLDER

FILES: list[Path] = sorted(FOLDER.glob("*.opus"))


def clips(language: str) -> list[bytes]:
    """The Ogg streams of a file, one after the other: a page whose second flag is set begins each."""
    file = (FOLDER / f"{language}.opus").read_bytes()
    starts, at = [], 0
    while at < len(file):
        assert file[at : at + 4] == b"OggS", at
        if file[at + 5] & 2:
            starts.append(at)
        sizes = file[at + 27 : at + 27 + file[at + 26]]
        at += 27 + len(sizes) + sum(sizes)
    return [file[start:end] for start, end in zip(starts, [*starts[1:], at], strict=True)]


def title(clip: bytes) -> str:
    with av.open(io.BytesIO(clip)) as container:
        return container.streams.audio[0].metadata["title"]


def samples(clip: bytes) -> NDArray[np.float32]:
    """Decoded, at 48 kHz."""
    with av.open(io.BytesIO(clip)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
