"""Create the voice files of the screens with espeak-ng: `make voices`.

There is one file for each language in voice_phrases.toml. The files are part of the repository, among the static files
of web, so screens and `make run` do not need espeak-ng.

A file is a chain of Ogg Opus streams (RFC 3533): first "Next customer", then the tills 1 to 99. The first page of each
stream has a flag by which a screen finds the start of the stream. The title of a stream is its spoken text. The same
versions of espeak-ng and libopus produce the same bytes.
"""

import io
import subprocess
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

PHRASES = Path(__file__).parent / "voice_phrases.toml"
FOLDER = Path(__file__).parents[1] / "services/web/src/cashier_web/static/cashier_web/voices"
Samples = NDArray[np.float32]
HIGHEST_TILL = 99
RATE = 22_050  # the sample rate of espeak-ng
OPUS_RATE = 16_000  # at a higher rate, Opus changes its mode within a word, which is audible
BIT_RATE = 14_000
PITCH = 45
SPEEDS = range(155, 260, 5)  # words per minute
LONGEST_S = 2.3  # the text starts after the chime and must end within a hold of 3 s
SILENT = 0.01  # of full scale: -40 dB
PAD_S = 0.02
LOUDNESS = 0.12  # root mean square of the parts that are not silent
KNEE = 0.7  # peaks above this level are compressed
WINDOW_S = 0.02


def spoken_number(language: dict[str, Any], number: int) -> str:
    """The number in the form in which espeak-ng reads it correctly."""
    known = language.get("numbers", {})
    tens, ones = number // 10 * 10, number % 10
    if str(number) in known:
        return str(known[str(number)])
    if str(tens) in known:
        joined: str = language.get("joined", "{tens} {ones}")
        return joined.format(tens=known[str(tens)], ones=known.get(str(ones), ones))
    return str(number)


def phrases(language: dict[str, Any], write_number: Callable[[int], object] = int) -> list[str]:
    """The texts of a file: "Next customer", then one text for each till, whose number `write_number` converts."""
    numbers = map(write_number, range(1, HIGHEST_TILL + 1))
    return [language["next"], *(language["call"].format(number=number) for number in numbers)]


def speak(voice: str, text: str) -> Samples:
    """Samples from -1 to 1 without silence around them. A text that would take too long is spoken faster."""
    for speed in SPEEDS:
        argv = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(PITCH), "--stdout", text]
        said = subprocess.run(argv, capture_output=True, check=True).stdout
        header = 44  # espeak-ng writes the header before it speaks, so the lengths in the header are wrong
        samples: Samples = (np.frombuffer(said[header:], np.int16) / 32_768).astype(np.float32)
        loud = np.flatnonzero(np.abs(samples) > SILENT)
        pad = int(PAD_S * RATE)
        samples = samples[max(loud[0] - pad, 0) : loud[-1] + pad]
        if len(samples) <= LONGEST_S * RATE:
            return samples
    raise ValueError(f"this text is too long even at the highest speed: {text}")


def loudness(samples: Samples, rate: int) -> float:
    """Root mean square of the windows that are not silent."""
    window = int(WINDOW_S * rate)
    powers = (samples[: len(samples) // window * window].reshape(-1, window) ** 2).mean(axis=1)
    return float(np.sqrt(powers[powers > SILENT**2].mean()))


def level(samples: Samples) -> Samples:
    """The samples at the loudness that all streams have."""
    samples = samples * LOUDNESS / loudness(samples, RATE)
    over = np.maximum(np.abs(samples) - KNEE, 0)
    room = 0.95 - KNEE
    return np.where(over > 0, np.sign(samples) * (KNEE + room * np.tanh(over / room)), samples).astype(np.float32)


def encode(samples: Samples, title: str) -> bytes:
    """One Ogg Opus stream."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg", options={"fflags": "+bitexact", "page_duration": "4000000"}) as container:
        container.metadata["title"] = title
        stream = container.add_stream("libopus", rate=OPUS_RATE, layout="mono", bit_rate=BIT_RATE)
        stream.options = {"application": "voip", "frame_duration": "40", "flags": "+bitexact"}
        resampler = av.AudioResampler(format="flt", layout="mono", rate=OPUS_RATE)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1).astype(np.float32), format="flt", layout="mono")
        frame.sample_rate = RATE
        for resampled in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(resampled))
        container.mux(stream.encode(None))
    return file.getvalue()


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for code, language in tomllib.loads(PHRASES.read_text()).items():
        texts, titles = phrases(language, partial(spoken_number, language)), phrases(language)
        streams = [
            encode(level(speak(language["voice"], text)), title) for text, title in zip(texts, titles, strict=True)
        ]
        (FOLDER / f"{code}.opus").write_bytes(b"".join(streams))
        print(f"{code}: {sum(map(len, streams)) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
