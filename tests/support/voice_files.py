"""Read a voice file: the clips in it, and the title and the samples of a clip."""

import io
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from cashier_web.screens.voices import FOLDER

FILES: list[Path] = sorted(FOLDER.glob("*.opus"))


def read_clips(language: str) -> list[bytes]:
    """The Ogg streams of a language's file in their order. A stream begins with a page whose second flag is set."""
    file = (FOLDER / f"{language}.opus").read_bytes()
    starts, at = [], 0
    while at < len(file):
        assert file[at : at + 4] == b"OggS", at
        if file[at + 5] & 2:
            starts.append(at)
        sizes = file[at + 27 : at + 27 + file[at + 26]]
        at += 27 + len(sizes) + sum(sizes)
    return [file[start:end] for start, end in zip(starts, [*starts[1:], at], strict=True)]


def clip_title(clip: bytes) -> str:
    with av.open(io.BytesIO(clip)) as container:
        return container.streams.audio[0].metadata["title"]


def clip_samples(clip: bytes) -> NDArray[np.float32]:
    """The decoded samples, at 48 kHz."""
    with av.open(io.BytesIO(clip)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
