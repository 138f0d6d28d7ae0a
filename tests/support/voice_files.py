"""Reads a file with spoken clips: all its clips, and the title and the samples of a clip."""

import io
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from cashier_web.screens.voices import FOLDER

FILES: list[Path] = sorted(FOLDER.glob("*.opus"))


def read_clips(language: str) -> list[bytes]:
    """Return the clips in the file of a language, in their order.

    Each clip is an Ogg stream, which consists of pages. The first page of a stream has the flag 2 in its header.
    """
    file = (FOLDER / f"{language}.opus").read_bytes()
    starts, position = [], 0
    while position < len(file):
        assert file[position : position + 4] == b"OggS", position
        if file[position + 5] & 2:
            starts.append(position)
        sizes = file[position + 27 : position + 27 + file[position + 26]]
        position += 27 + len(sizes) + sum(sizes)
    return [file[start:end] for start, end in zip(starts, [*starts[1:], position], strict=True)]


def clip_title(clip: bytes) -> str:
    with av.open(io.BytesIO(clip)) as container:
        return container.streams.audio[0].metadata["title"]


def clip_samples(clip: bytes) -> NDArray[np.float32]:
    """Return the decoded samples of a clip. There are 48,000 samples per second."""
    with av.open(io.BytesIO(clip)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
