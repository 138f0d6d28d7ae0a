"""Makes the voices: a file for each language of phrases.toml, with espeak-ng, which screens and `make run` don't need.

`make voices` puts them into the static files of web. A file is a chain of Ogg Opus streams, as RFC 3533 has it: "Next
customer" first, and then the tills 1 to 99. Each stream begins with a page that says so, by which a screen finds them,
and has what is said in it as its title. Made anew from the same espeak-ng and libopus, they are the same.
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

HERE = Path(__file__).parent
FOLDER = HERE.parent / "src" / "cashier_web" / "static" / "cashier_web" / "voices"
Samples = NDArray[np.float32]
MOST = 99
RATE = 22_050  # espeak-ng's
OPUS_RATE = 16_000  # more, and Opus changes its mode amid a word, which is heard
BITS = 14_000
PITCH = 45
SPEEDS = range(155, 260, 5)  # words in a minute
LONGEST_S = 2.3  # after the chime, and done within a hold of 3 s
SILENT = 0.01  # of full scale: -40 dB
PAD_S = 0.02
LOUDNESS = 0.12  # root mean square of what isn't silent
KNEE = 0.7  # above it, peaks are bent down
WINDOW_S = 0.02


def words(language: dict[str, Any], number: int) -> str:
    """A number as espeak-ng is to read it."""
    known = language.get("numbers", {})
    tens, ones = number // 10 * 10, number % 10
    if str(number) in known:
        return str(known[str(number)])
    if str(tens) in known:
        joined: str = language.get("joined", "{tens} {ones}")
        return joined.format(tens=known[str(tens)], ones=known.get(str(ones), ones))
    return str(number)


def phrases(language: dict[str, Any], read: Callable[[int], object] = int) -> list[str]:
    """What is said: 0 for the next customer, and then of each till, its number as `read`."""
    return [language["next"], *(language["call"].format(number=read(number)) for number in range(1, MOST + 1))]


def speak(voice: str, text: str) -> Samples:
    """Samples from -1 to 1, without silence around them; faster where it would take too long."""
    for speed in SPEEDS:
        argv = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(PITCH), "--stdout", text]
        said = subprocess.run(argv, capture_output=True, check=True).stdout
        header = 44  # its lengths are of no use: they are written before anything is said
        samples = np.frombuffer(said[header:], np.int16).astype(np.float32) / 32_768
        loud = np.flatnonzero(np.abs(samples) > SILENT)
        pad = int(PAD_S * RATE)
        samples = samples[max(loud[0] - pad, 0) : loud[-1] + pad]
        if len(samples) <= LONGEST_S * RATE:
            return samples
    raise ValueError(f"too long, however fast it is said: {text}")


def loudness(samples: Samples, rate: int) -> float:
    """Root mean square of what isn't silent."""
    window = int(WINDOW_S * rate)
    powers = (samples[: len(samples) // window * window].reshape(-1, window) ** 2).mean(axis=1)
    return float(np.sqrt(powers[powers > SILENT**2].mean()))


def level(samples: Samples) -> Samples:
    """As loud as all others."""
    samples = samples * LOUDNESS / loudness(samples, RATE)
    over = np.maximum(np.abs(samples) - KNEE, 0)
    room = 0.95 - KNEE
    return np.where(over > 0, np.sign(samples) * (KNEE + room * np.tanh(over / room)), samples)


def encode(samples: Samples, title: str) -> bytes:
    """One Ogg Opus stream."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg", options={"fflags": "+bitexact", "page_duration": "4000000"}) as container:
        container.metadata["title"] = title
        stream = container.add_stream("libopus", rate=OPUS_RATE, layout="mono", bit_rate=BITS)
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
    for code, language in tomllib.loads((HERE / "phrases.toml").read_text()).items():
        texts, titles = phrases(language, partial(words, language)), phrases(language)
        streams = [
            encode(level(speak(language["voice"], text)), title) for text, title in zip(texts, titles, strict=True)
        ]
        (FOLDER / f"{code}.opus").write_bytes(b"".join(streams))
        print(f"{code}: {sum(map(len, streams)) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
