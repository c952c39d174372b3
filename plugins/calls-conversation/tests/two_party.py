"""Calls made up sample by sample, so that everything about them is known exactly."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from calls_conversation import ConversationAnalyzer
from calls_core.errors import Reason
from calls_core.findings import Facts
from calls_core.ports import Audio, AudioDecoder, DecodedAudio
from numpy.typing import NDArray

RATE: Final = 8_000

Samples: TypeAlias = NDArray[np.float64]

# Formants of vowels in Hz, of a man's voice: G. Peterson and H. Barney, JASA 24, 1952.
_VOWELS: Final = ((730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (530, 1840, 2480), (440, 1020, 2240))
_BANDWIDTH_HZ: Final = 90.0


def voice(seconds: float, *, pitch_hz: float = 120, seed: int = 0, dbfs: float = -22, rate: int = RATE) -> Samples:
    """Return syllables without a pause, from the first sample to the last: harmonics of a gliding pitch through the
    formants of changing vowels, with hissing consonants in between, four or five a second."""
    rng = np.random.default_rng(seed)
    frames = round(seconds * rate)
    time = np.arange(frames) / rate
    pitch = pitch_hz * (1 + 0.08 * np.sin(2 * np.pi * 0.6 * time + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    syllable_sec = rng.uniform(0.19, 0.26)
    which = (time / syllable_sec).astype(int)
    formants = np.array(_VOWELS)[rng.integers(len(_VOWELS), size=which[-1] + 1)][which] if frames else np.empty((0, 3))
    sound = np.zeros(frames)
    for harmonic in range(1, int(3400 / pitch_hz)):
        distance = (harmonic * pitch[:, None] - formants) / _BANDWIDTH_HZ
        gain = (np.array([1.0, 0.5, 0.25]) / (1 + distance**2)).sum(axis=1) / np.sqrt(harmonic)
        sound += gain * np.sin(harmonic * phase + harmonic**2)
    # Consonants: some 20 dB quieter, noisier, and at the beginning of syllables; at the very edges there is voice.
    position = (time / syllable_sec + 0.5) % 1
    sound *= 0.08 + 0.92 * np.sin(np.pi * position)
    sound += 0.08 * sound.std() * np.diff(rng.normal(size=frames), prepend=0) * (position < 0.2) if frames else sound
    level = np.sqrt(np.mean(sound**2)) if frames else 1.0
    return sound * 32768 * 10 ** (dbfs / 20) / level


def noise(seconds: float, dbfs: float, seed: int = 0, rate: int = RATE) -> Samples:
    return np.random.default_rng(seed).normal(0, 32768 * 10 ** (dbfs / 20), round(seconds * rate))


def channel(
    seconds: float,
    said: Iterable[tuple[float, float]],
    *,
    pitch_hz: float = 120,
    dbfs: float = -22,
    noise_dbfs: float = -62,
    seed: int = 0,
    rate: int = RATE,
) -> Samples:
    """Return a line with noise on which somebody talks from each start to each end, in seconds."""
    line = noise(seconds, noise_dbfs, seed, rate)
    for number, (start, end) in enumerate(said):
        words = voice(end - start, pitch_hz=pitch_hz, seed=1000 * seed + number, dbfs=dbfs, rate=rate)
        first = round(start * rate)
        line[first : first + len(words)] += words
    return line


class Samples16(DecodedAudio):
    """Samples as the decoder lends them, in blocks of *block* frames."""

    codec = "pcm_s16le"
    caveat: Reason | None = None

    def __init__(self, channels: Sequence[Samples], rate: int = RATE, block: int = 4 * RATE) -> None:
        self.sample_rate_hz = rate
        self.channels = len(channels)
        self._planes = [np.clip(np.rint(samples), -32768, 32767).astype(np.int16) for samples in channels]
        self._block = block

    async def __aiter__(self) -> AsyncIterator[tuple[bytes, ...]]:
        for start in range(0, len(self._planes[0]), self._block):
            yield tuple(plane[start : start + self._block].tobytes() for plane in self._planes)


class Decoder(AudioDecoder):
    """Lends what it was made with, and remembers which rates it was asked for."""

    def __init__(self, audio: DecodedAudio, resampled: DecodedAudio | None = None) -> None:
        self._audio = audio
        self._resampled = resampled
        self.asked: list[int | None] = []

    @asynccontextmanager
    async def decode(
        self, path: Path, filename: str, *, sample_rate_hz: int | None = None
    ) -> AsyncIterator[DecodedAudio]:
        self.asked.append(sample_rate_hz)
        yield self._audio if sample_rate_hz is None or self._resampled is None else self._resampled


class Loop(DecodedAudio):
    """The same minute over and over, in blocks of four seconds, for *hours*."""

    codec = "pcm_s16le"
    sample_rate_hz = RATE
    caveat: Reason | None = None

    def __init__(self, channels: Sequence[Samples], hours: float) -> None:
        self.channels = len(channels)
        self._planes = [samples[: 60 * RATE].astype(np.int16).tobytes() for samples in channels]
        self._blocks = round(hours * 900)

    async def __aiter__(self) -> AsyncIterator[tuple[bytes, ...]]:
        size = 8 * RATE
        for block in range(self._blocks):
            start = block % 15 * size
            yield tuple(plane[start : start + size] for plane in self._planes)


def lent(decoder: AudioDecoder) -> Audio:
    return Audio(path=Path("call.wav"), filename="call.wav", decoder=decoder)


async def analyzed(*channels: Samples, rate: int = RATE, block: int = 4 * RATE) -> dict[str, Any]:
    finding: Facts = await ConversationAnalyzer().analyze(lent(Decoder(Samples16(channels, rate, block))))
    return dict(finding.values)


def four_hours() -> tuple[float, int]:
    """Analyze four hours; return how long they were, and by how many bytes the peak of this process's memory rose."""
    agent = channel(60, [(1, 9), (15, 30), (41, 50)])
    client = channel(60, [(10, 14), (30.5, 40), (49, 55)], pitch_hz=210, seed=1)
    short, long = (lent(Decoder(Loop((agent, client), hours))) for hours in (0.02, 4))
    asyncio.run(ConversationAnalyzer().analyze(short))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    finding = asyncio.run(ConversationAnalyzer().analyze(long))
    rose = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return finding.values["duration_sec"], rose * 1024
