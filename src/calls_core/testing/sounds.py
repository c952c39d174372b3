"""Sounds made of nothing, the same every time.

Levels are RMS in dBFS of a full-scale square wave, as in findings: the loudest sine is -3.01.
"""

import math
import sys
import wave
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

FULL_SCALE: Final = 32_768
TELEPHONE_HZ: Final = 8_000

_CYCLE_SEC: Final = 3.0
_SPOKEN_SEC: Final = 2.25
_SYLLABLES_HZ: Final = 4.0
_SPEECH_BAND_HZ: Final = 3_400.0
# Formants in Hz of the vowels of "father", "see", "saw", of a man's voice: G. Peterson and H. Barney, JASA 24, 1952.
_VOWELS: Final = ((730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410))
_FORMANT_BANDWIDTH_HZ: Final = 90.0


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples: per channel, equally long, signed 16-bit numbers in native byte order. ``+`` puts one after another."""

    planes: tuple[bytes, ...]
    sample_rate_hz: int = TELEPHONE_HZ

    @property
    def frames(self) -> int:
        return len(self.planes[0]) // 2

    @property
    def duration_sec(self) -> float:
        return self.frames / self.sample_rate_hz

    def __add__(self, other: "Sound") -> "Sound":
        """Raises:
        ValueError: the two differ in channels or sample rate.
        """
        if (len(self.planes), self.sample_rate_hz) != (len(other.planes), other.sample_rate_hz):
            raise ValueError("only sounds of as many channels and the same sample rate follow each other")
        planes = (first + second for first, second in zip(self.planes, other.planes, strict=True))
        return Sound(tuple(planes), self.sample_rate_hz)

    def resampled(self, sample_rate_hz: int) -> "Sound":
        """Return the nearest samples at another rate: good enough for tests, and for nothing else."""
        step = self.sample_rate_hz / sample_rate_hz
        frames = round(self.frames / step)
        planes = []
        for plane in self.planes:
            samples = memoryview(plane).cast("h")
            nearest = (samples[min(int(index * step), self.frames - 1)] for index in range(frames))
            planes.append(array("h", nearest).tobytes())
        return Sound(tuple(planes), sample_rate_hz)

    def write_wav(self, path: Path) -> Path:
        """Write a WAV file of linear 16-bit samples, and return *path*."""
        interleaved = array("h", bytes(2 * self.frames * len(self.planes)))
        for channel, plane in enumerate(self.planes):
            interleaved[channel :: len(self.planes)] = array("h", plane)
        if sys.byteorder == "big":
            interleaved.byteswap()
        with wave.open(str(path), "wb") as file:
            file.setnchannels(len(self.planes))
            file.setsampwidth(2)
            file.setframerate(self.sample_rate_hz)
            file.writeframes(interleaved.tobytes())
        return path


def silence(seconds: float = 1.0, *, sample_rate_hz: int = TELEPHONE_HZ) -> Sound:
    """Return digital silence in one channel."""
    return Sound((bytes(2 * round(seconds * sample_rate_hz)),), sample_rate_hz)


@lru_cache(maxsize=32)
def tone(seconds: float = 1.0, *, hz: float = 440.0, dbfs: float = -20.0, sample_rate_hz: int = TELEPHONE_HZ) -> Sound:
    """Return a sine in one channel; above -3.01 dBFS it is clipped, and then not as loud as it was asked to be."""
    peak = math.sqrt(2) * FULL_SCALE * 10 ** (dbfs / 20)
    turn = 2 * math.pi * hz / sample_rate_hz
    frames = round(seconds * sample_rate_hz)
    return _sound((peak * math.sin(turn * frame) for frame in range(frames)), sample_rate_hz)


@lru_cache(maxsize=32)
def speech_like(
    seconds: float = 3.0, *, pitch_hz: float = 120.0, dbfs: float = -20.0, sample_rate_hz: int = TELEPHONE_HZ
) -> Sound:
    """Return a voice without words in one channel: 2.25 s of syllables, 0.75 s of silence, and so on.

    *dbfs* is the level while it speaks. Voice activity detectors take it for speech; nothing can be transcribed.
    """
    frames = round(seconds * sample_rate_hz)
    turn = 2 * math.pi * pitch_hz / sample_rate_hz
    harmonics = range(1, int(min(_SPEECH_BAND_HZ, sample_rate_hz / 2) / pitch_hz))
    gains = [[_gain(number * pitch_hz, vowel) for number in harmonics] for vowel in _VOWELS]
    cycle = []
    for frame in range(min(frames, round(_CYCLE_SEC * sample_rate_hz))):
        at = frame / sample_rate_hz
        syllable = at * _SYLLABLES_HZ
        loudness = math.sin(math.pi * (syllable % 1)) if at < _SPOKEN_SEC else 0.0
        vowel = gains[int(syllable) % len(_VOWELS)]
        cycle.append(
            loudness and loudness * sum(gain * math.sin(number * turn * frame) for number, gain in enumerate(vowel, 1))
        )
    spoken = [sample for sample in cycle if sample] or [1.0]
    level = math.sqrt(sum(sample * sample for sample in spoken) / len(spoken))
    scale = FULL_SCALE * 10 ** (dbfs / 20) / level
    once = _sound((scale * sample for sample in cycle), sample_rate_hz).planes[0]
    times = -(-2 * frames // max(1, len(once)))
    return Sound(((once * times)[: 2 * frames],), sample_rate_hz)


def stereo(left: Sound, right: Sound) -> Sound:
    """Return two sounds at once, one per channel; the shorter one ends in silence.

    Raises:
        ValueError: they differ in sample rate, or have more than one channel each.
    """
    if left.sample_rate_hz != right.sample_rate_hz or len(left.planes) + len(right.planes) != len(("left", "right")):
        raise ValueError("a stereo sound is made of two sounds of one channel and of the same sample rate")
    size = max(len(left.planes[0]), len(right.planes[0]))
    return Sound((left.planes[0].ljust(size, b"\0"), right.planes[0].ljust(size, b"\0")), left.sample_rate_hz)


def _gain(hz: float, vowel: tuple[int, ...]) -> float:
    return sum(
        1 / (rank * (1 + ((hz - formant) / _FORMANT_BANDWIDTH_HZ) ** 2)) for rank, formant in enumerate(vowel, 1)
    )


def _sound(samples: Iterable[float], sample_rate_hz: int) -> Sound:
    whole = (max(-FULL_SCALE, min(FULL_SCALE - 1, round(sample))) for sample in samples)
    return Sound((array("h", whole).tobytes(),), sample_rate_hz)
