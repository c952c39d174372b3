"""Whether two channels carry the same sound: all of it in dual mono, a weak copy where one side leaks into the other.

A second of both is cross-correlated, with delays of up to 0.3 s. Two people never sound alike for that long.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]

_RATE_HZ: Final = 8_000
_SHORTEST: Final = _RATE_HZ // 4
_LONGEST_LAG: Final = 3 * _RATE_HZ // 10
_SAMPLE_BYTES: Final = 2
_FULL_SCALE: Final = 32_768.0
_FAINTEST_DBFS: Final = -80.0
_INAUDIBLE: Final = 1e-12
_FFT_MULTIPLE: Final = 400
_SAME_LAG: Final = 3 * _RATE_HZ // 1000
_SAME_GAIN_DB: Final = 4.0

_DUAL_LIKENESS: Final = 0.5
_DUAL_SHARE: Final = 0.8
_DUAL_GAIN_DB: Final = 12.0

# A faint copy is found by its delay: two voices are as alike at times, but each time at another one. One second that
# is a clear copy will do, or several that are unclear.
_LEAK_LIKENESS: Final = 0.25
_LEAK_SHARE: Final = 0.3
_LEAK_EVIDENCE: Final = 0.9
_LEAK_LOSS_DB: Final = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How a second of the second channel resembles the first, at the delay where it does most.

    *likeness* is the coefficient of correlation, without its sign; *lag* counts samples at 8 kHz, and is positive where
    the second channel comes later; *louder_db* tells by how much the second channel is louder.
    """

    likeness: float
    lag: int
    louder_db: float

    @property
    def mirrored(self) -> "Match":
        """The same, with the channels swapped."""
        return Match(likeness=self.likeness, lag=-self.lag, louder_db=-self.louder_db)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A side is heard in the other channel too, *gain_db* (negative) weaker and *lag_sec* later."""

    gain_db: float
    lag_sec: float


def loudest_second(first: bytes, second: bytes, sample_rate_hz: int) -> tuple[Samples, Samples] | None:
    """Return the loudest second of both, at 8 kHz; None when there is less than a quarter of one."""
    factor = sample_rate_hz // _RATE_HZ
    frames = len(first) // (_SAMPLE_BYTES * factor)
    if frames < _SHORTEST:
        return None
    a, b = (_lowered(data, factor, frames) for data in (first, second))
    starts = range(0, max(1, frames - _RATE_HZ + 1), _RATE_HZ // 2)
    power = a * a + b * b
    start = max(starts, key=lambda start: float(power[start : start + _RATE_HZ].sum()))
    return a[start : start + _RATE_HZ], b[start : start + _RATE_HZ]


def match(a: Samples, b: Samples) -> Match | None:
    """Compare two equally long pieces at 8 kHz; None when one of them is as good as digital silence."""
    levels = [10 * float(np.log10(max(float(samples @ samples) / len(samples), _INAUDIBLE))) for samples in (a, b)]
    if min(levels) < _FAINTEST_DBFS:
        return None
    # Differences instead of samples: mains hum on both lines is not the same voice, and delays show more sharply.
    a, b = np.diff(a), np.diff(b)
    size = len(a) + _LONGEST_LAG
    size += -size % _FFT_MULTIPLE
    product = np.conj(np.fft.rfft(a, size)) * np.fft.rfft(b, size)
    correlation = np.abs(np.fft.irfft(product, size))
    later, earlier = correlation[: _LONGEST_LAG + 1], correlation[size - _LONGEST_LAG :]
    lag = int(later.argmax())
    if earlier.max() > later[lag]:
        lag = int(earlier.argmax()) - _LONGEST_LAG
    kept = len(a) - abs(lag)
    x, y = (a[:kept], b[-kept:]) if lag >= 0 else (a[-kept:], b[:kept])
    scale = max(math.sqrt(float(x @ x) * float(y @ y)), _INAUDIBLE)
    return Match(likeness=abs(float(x @ y)) / scale, lag=lag, louder_db=levels[1] - levels[0])


def is_dual_mono(matches: Sequence[Match]) -> bool:
    """Tell whether both channels carry the same sound nearly always, with one delay and one gain of at most 12 dB."""
    alike = [found for found in matches if found.likeness >= _DUAL_LIKENESS and abs(found.louder_db) <= _DUAL_GAIN_DB]
    if not alike:
        return False
    lag, gain = median(found.lag for found in alike), median(found.louder_db for found in alike)
    same = [f for f in alike if abs(f.lag - lag) <= _SAME_LAG and abs(f.louder_db - gain) <= _SAME_GAIN_DB]
    return len(same) >= _DUAL_SHARE * len(matches)


def leaks(matches: Sequence[Match]) -> tuple[Leak | None, Leak | None]:
    """Return how the first side is heard in the second channel, and how the second is heard in the first."""
    return _leak(matches), _leak([found.mirrored for found in matches])


def _leak(matches: Sequence[Match]) -> Leak | None:
    weaker = [found for found in matches if found.louder_db <= -_LEAK_LOSS_DB]
    alike = sorted((f for f in weaker if f.likeness >= _LEAK_LIKENESS and f.lag >= -_SAME_LAG), key=lambda f: f.lag)
    lags = [found.lag for found in alike]
    windows = (alike[bisect_left(lags, lag) : bisect_right(lags, lag + _SAME_LAG)] for lag in lags)
    copies = max(windows, key=len, default=[])
    if sum(found.likeness for found in copies) < _LEAK_EVIDENCE or len(copies) < _LEAK_SHARE * len(weaker):
        return None
    return Leak(
        gain_db=min(-_LEAK_LOSS_DB, median(found.louder_db for found in copies)),
        lag_sec=max(0.0, median(found.lag for found in copies) / _RATE_HZ),
    )


def _lowered(data: bytes, factor: int, frames: int) -> Samples:
    samples = np.frombuffer(data, np.int16)[: frames * factor].astype(np.float32)
    # Strided sums: a mean over rows of two would take ten times as long.
    mean = samples[::factor].copy()
    for phase in range(1, factor):
        mean += samples[phase::factor]
    return mean / np.float32(factor * _FULL_SCALE)
