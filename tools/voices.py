"""Creates the voice files of the screens with espeak-ng: `make voices`.

There is one file for each language in voice_phrases.toml. The files are stored in the repository, among the static
files of web. Therefore neither screens nor `make run` need espeak-ng.

A file is a chain of Ogg Opus streams (RFC 3533): first "Next customer", then one stream for each till from 1 to 99. The
first Ogg page of each stream has a flag, by which a screen finds the begin of the stream. The title of a stream is its
spoken text. The same versions of espeak-ng and libopus always produce the same bytes.
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
RATE = 22_050
"""The sample rate of espeak-ng."""
OPUS_RATE = 16_000
"""The sample rate of the voice files. With a higher rate, Opus changes its mode within a word, which is audible."""
BIT_RATE = 14_000
PITCH = 45
SPEEDS = range(155, 260, 5)
"""The speeds at which espeak-ng may speak, in words per minute. The lowest speed at which a text fits is used."""
LONGEST_S = 2.3
"""The longest time that a text may take. The text starts after the chime, and must end within a hold of 3 s."""
SILENT = 0.01
"""Samples below this level are treated as silence. The highest possible level is 1, so this is -40 dB."""
PAD_S = 0.02
LOUDNESS = 0.12
"""Every text gets this loudness. Loudness is the root mean square of the parts of a text that are not silent."""
KNEE = 0.7
"""The parts of a text that are louder than this level are made quieter, so that they are not distorted."""
WINDOW_S = 0.02


def spoken_number(language: dict[str, Any], number: int) -> str:
    """Return a number as a text that espeak-ng reads correctly."""
    words = language.get("numbers", {})
    tens, ones = number // 10 * 10, number % 10
    if str(number) in words:
        return str(words[str(number)])
    if str(tens) in words:
        joined: str = language.get("joined", "{tens} {ones}")
        return joined.format(tens=words[str(tens)], ones=words.get(str(ones), ones))
    return str(number)


def phrases(language: dict[str, Any], write_number: Callable[[int], object] = int) -> list[str]:
    """Return the texts of a voice file: "Next customer", and then a call for each till.

    write_number: returns the text for the number of a till.
    """
    numbers = map(write_number, range(1, HIGHEST_TILL + 1))
    return [language["next"], *(language["call"].format(number=number) for number in numbers)]


def speak(voice: str, text: str) -> Samples:
    """Return the spoken text as samples from -1 to 1, without silence at the begin and the end.

    If the text would take too long, it is spoken faster. Raises ValueError if it is too long even at the highest speed.
    """
    for speed in SPEEDS:
        argv = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(PITCH), "--stdout", text]
        audio = subprocess.run(argv, capture_output=True, check=True).stdout
        # espeak-ng writes the header of the WAV file before it speaks, so the lengths in the header are wrong.
        # Therefore the header is skipped.
        header = 44
        samples: Samples = (np.frombuffer(audio[header:], np.int16) / 32_768).astype(np.float32)
        loud = np.flatnonzero(np.abs(samples) > SILENT)
        pad = int(PAD_S * RATE)
        samples = samples[max(loud[0] - pad, 0) : loud[-1] + pad]
        if len(samples) <= LONGEST_S * RATE:
            return samples
    raise ValueError(f"this text is too long even at the highest speed: {text}")


def loudness(samples: Samples, rate: int) -> float:
    """Return the root mean square of the samples. Silent parts of 20 ms are left out."""
    window = int(WINDOW_S * rate)
    powers = (samples[: len(samples) // window * window].reshape(-1, window) ** 2).mean(axis=1)
    return float(np.sqrt(powers[powers > SILENT**2].mean()))


def level(samples: Samples) -> Samples:
    """Return the samples amplified to LOUDNESS, so that all texts are equally loud. Parts above KNEE are quieter."""
    samples = samples * LOUDNESS / loudness(samples, RATE)
    over = np.maximum(np.abs(samples) - KNEE, 0)
    room = 0.95 - KNEE
    return np.where(over > 0, np.sign(samples) * (KNEE + room * np.tanh(over / room)), samples).astype(np.float32)


def encode(samples: Samples, title: str) -> bytes:
    """Return the samples as one Ogg Opus stream with the given title."""
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
