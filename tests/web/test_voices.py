"""Screens speak calls with recorded clips. Each language has a file with 100 clips.

One clip says "next customer, please" in this language, and each other clip calls one of the tills from 1 to 99.
"""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from cashier_core.call import LANGUAGES
from cashier_web.screens import voices
from tests.support.voice_files import FILES, clip_samples, clip_title, read_clips

ROOT = Path(__file__).parents[2]
PHRASES = tomllib.loads((ROOT / "tools" / "voice_phrases.toml").read_text())
RATE = 48_000
WINDOW = RATE // 50


def loudness(sound) -> float:
    """Return the loudness of a clip without its silent parts, in decibels relative to the loudest possible sound."""
    powers = (sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW) ** 2).mean(axis=1)
    return float(10 * np.log10(powers[powers > 1e-4].mean()))


def test_every_language_of_a_call_has_a_voice() -> None:
    assert {file.stem for file in FILES} == set(PHRASES) == set(LANGUAGES)


@pytest.mark.django_db
def test_the_screens_page_contains_the_url_of_each_voice(client) -> None:
    assert set(json.loads(voices.voice_urls())) == set(LANGUAGES)
    assert "/static/cashier_web/voices/fr.opus" in client.get("/").content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_till_has_a_clip_that_can_be_heard_and_is_as_loud_as_all_other_clips(language) -> None:
    phrases = PHRASES[language]
    clips = read_clips(language)
    assert [clip_title(clip) for clip in clips] == [
        phrases["next"], *(phrases["call"].format(number=number) for number in range(1, 100))
    ]  # fmt: skip

    for clip in clips:
        sound = clip_samples(clip)
        # A clip is shorter than 2.4 s, so that the chime and the clip together fit into a hold of 3 s.
        assert 1.0 < len(sound) / RATE < 2.4, clip_title(clip)
        assert 0.5 < np.abs(sound).max() < 1.1, clip_title(clip)
        assert loudness(sound) == pytest.approx(-19, abs=1), clip_title(clip)
        assert np.abs(sound[: RATE // 10]).max() > 0.02, f"{clip_title(clip)}: the clip begins with silence"
        assert np.abs(sound[-RATE // 10 :]).max() > 0.005, f"{clip_title(clip)}: the clip ends with silence"


def test_no_two_clips_are_the_same() -> None:
    everything = [clip for file in FILES for clip in read_clips(file.stem)]

    assert len(set(everything)) == 9 * 100


def test_all_voices_together_are_small() -> None:
    assert sum(file.stat().st_size for file in FILES) < 4_000_000
