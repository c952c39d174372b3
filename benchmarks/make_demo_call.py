"""Makes the recording that ``calls demo`` brings along: ``python -m benchmarks.make_demo_call``.

Two voices that say nothing, agent on the left channel and customer on the right, over a telephone: 20 seconds of 8 kHz
u-law. The voices are pulses and noise through resonators at the formants of vowels (G. E. Peterson and H. L. Barney,
"Control Methods Used in a Study of the Vowels", 1952), so nobody has rights in them.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.audio_files import MULAW, g711, riff

RATE: Final = 8000
SECONDS: Final = 20.0
TARGET: Final = Path(__file__).parent.parent / "src" / "calls_app" / "demo" / "sample.wav"

AGENT: Final = [(0.6, 3.1), (8.4, 9.0), (9.3, 12.2), (14.6, 15.9), (17.9, 18.7)]
CUSTOMER: Final = [(3.9, 5.6), (5.9, 7.7), (12.0, 12.5), (16.6, 17.7), (18.6, 19.2)]
"""When they talk, in seconds."""

VOWELS: Final = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
    (660, 1720, 2410),
)
BANDWIDTHS: Final = (80.0, 100.0, 140.0)


def voice(spans: list[tuple[float, float]], pitch_hz: float, tract: float, seed: int) -> NDArray[np.float64]:
    """Return one channel; *tract* stretches the formants: below 1 for a longer throat."""
    random = np.random.default_rng(seed)
    sound = np.zeros(round(SECONDS * RATE))
    for start, end in spans:
        at = start
        while at < end - 0.12:
            length = min(float(random.uniform(0.14, 0.26)), end - at)
            fall = 1.12 - 0.25 * (at - start) / (end - start)
            part = syllable(random, length, pitch_hz * fall * float(random.uniform(0.94, 1.06)), tract)
            first = round(at * RATE)
            sound[first : first + len(part)] += part[: len(sound) - first]
            at += length * float(random.uniform(0.9, 1.05))
    return sound


def syllable(random: np.random.Generator, length: float, pitch_hz: float, tract: float) -> NDArray[np.float64]:
    """Return a short hiss or stop and then a vowel, swelling and fading."""
    count = round(length * RATE)
    onset = round(float(random.uniform(0.02, 0.06)) * RATE)
    glide = pitch_hz * (1 + 0.06 * np.sin(np.linspace(0, np.pi, count)))
    phase = np.cumsum(glide / RATE)
    source = np.diff(np.floor(phase), prepend=0.0) + 0.02 * random.standard_normal(count)
    vowel = VOWELS[random.integers(len(VOWELS))]
    for formant, bandwidth in zip(vowel, BANDWIDTHS, strict=True):
        source = resonate(source, min(formant * tract, 3600.0), bandwidth)
    source *= np.hanning(count) ** 0.4 / (np.abs(source).max() + 1e-9)
    hiss = np.diff(random.standard_normal(onset + 1)) * np.hanning(onset) * float(random.uniform(0.02, 0.25))
    source[:onset] = source[:onset] * np.linspace(0, 1, onset) + hiss
    return source * float(random.uniform(0.6, 1.0))


def resonate(signal: NDArray[np.float64], frequency: float, bandwidth: float) -> NDArray[np.float64]:
    """Filter with one pair of poles (D. H. Klatt, "Software for a cascade/parallel formant synthesizer", 1980)."""
    radius = np.exp(-np.pi * bandwidth / RATE)
    first, second = 2 * radius * np.cos(2 * np.pi * frequency / RATE), -(radius**2)
    gain = 1 - first - second
    out = np.zeros(len(signal))
    before = last = 0.0
    for index, value in enumerate(signal):
        out[index] = gain * value + first * last + second * before
        before, last = last, out[index]
    return out


def main() -> None:
    random = np.random.default_rng(7)
    voices = [voice(AGENT, 118.0, 0.95, 1), voice(CUSTOMER, 205.0, 1.12, 2)]
    line = 10 ** (-62 / 20)
    rows = np.array([0.35 * sound + line * random.standard_normal(len(sound)) for sound in voices])
    samples = (np.clip(rows, -1, 1) * 32767).astype(np.int16)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    length = (b"fact", samples.shape[1].to_bytes(4, "little"))
    body = g711(samples, "pcm_mulaw")
    TARGET.write_bytes(riff(body, tag=MULAW, channels=2, rate=RATE, bits=8, extra=bytes(2), before=[length]))


if __name__ == "__main__":
    main()
