"""Whether two channels carry the same sound, as when a system stores a mono recording twice.

Every second of both is cross-correlated, with delays of up to 0.1 s. Two people never sound alike for that long. Where
each side leaks into the other's channel, now this channel is the louder one and now that; a copy is always as loud.
"""

import math
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

_FULL_SCALE: Final = 32_768.0
_AUDIBLE_DBFS: Final = -50.0
_ALIKE: Final = 0.7
_GAIN_DB: Final = 12.0
_SAME_GAIN_DB: Final = 3.0
_DUAL_SHARE: Final = 0.8
_FLOOR: Final = 1e-12


class Likeness:
    """Takes equally long pieces of both channels, of any length, one after the other."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._second = sample_rate_hz
        self._lag = sample_rate_hz // 10
        self._rest = np.empty((2, 0), np.float32)
        self._audible = 0
        self._gains_db: list[float] = []

    @property
    def is_dual_mono(self) -> bool:
        """Whether four of five audible seconds are the same on both sides, but for one difference in level."""
        if not self._gains_db:
            return False
        usual = median(self._gains_db)
        same = sum(abs(gain - usual) <= _SAME_GAIN_DB for gain in self._gains_db)
        return same >= _DUAL_SHARE * self._audible

    def add(self, first: NDArray[np.int16], second: NDArray[np.int16]) -> None:
        both = np.concatenate((self._rest, np.stack((first, second)).astype(np.float32) / _FULL_SCALE), axis=1)
        while both.shape[1] >= self._second:
            self._judge(both[0, : self._second], both[1, : self._second])
            both = both[:, self._second :]
        self._rest = both

    def _judge(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> None:
        levels = [10 * math.log10(max(float(samples @ samples) / len(samples), _FLOOR)) for samples in (a, b)]
        if max(levels) < _AUDIBLE_DBFS:
            return
        self._audible += 1
        gain = levels[1] - levels[0]
        if abs(gain) <= _GAIN_DB and (np.array_equal(a, b) or self._correlation(a, b) >= _ALIKE):
            self._gains_db.append(gain)

    def _correlation(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
        """Return the largest coefficient of correlation within the delays, without its sign."""
        # Differences instead of samples: mains hum on both lines is not the same voice.
        a, b = np.diff(a), np.diff(b)
        size = len(a) + self._lag + 1
        product = np.conj(np.fft.rfft(a, size)) * np.fft.rfft(b, size)
        correlation = np.abs(np.fft.irfft(product, size))
        peak = max(correlation[: self._lag + 1].max(), correlation[-self._lag :].max())
        return float(peak) / max(float(np.sqrt((a @ a) * (b @ b))), _FLOOR)
