"""Peaks for drawing: fine-grained for short audio, bounded in number for any."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from calls_adapters.audio.source import Samples

POINT_LIMIT: Final = 32_768

# Reducing short runs is slow in numpy, so a point is never made of more than this many cells at once.
_CELLS_AT_ONCE: Final = 512
_EIGHT_BITS: Final = 8


class Waveform:
    """Keeps the lowest and highest sample of every *cell* frames; of twice as many, whenever points get too many."""

    def __init__(self, channels: int, cell: int) -> None:
        self.channels = channels
        self.frames_per_point = cell
        self._at_once = cell * _CELLS_AT_ONCE
        self._frames = 0
        self._low = np.full((channels, POINT_LIMIT), 127, np.int8)
        self._high = np.full((channels, POINT_LIMIT), -128, np.int8)

    def add(self, chunk: Samples) -> None:
        """Take in a chunk; all but the last hold whole multiples of 512 cells."""
        frames = chunk.shape[1]
        while -(-(self._frames + frames) // self.frames_per_point) > POINT_LIMIT:
            self._fold()
        step = min(self.frames_per_point, self._at_once)
        whole = frames // step * step
        self._reduce(chunk[:, :whole].reshape(self.channels, -1, step), step)
        if whole < frames:
            self._reduce(chunk[:, None, whole:], step)

    def data(self) -> bytes:
        """Return ``Peaks.data``."""
        points = -(-self._frames // self.frames_per_point)
        return np.stack((self._low[:, :points], self._high[:, :points]), axis=-1).transpose(1, 0, 2).tobytes()

    def _reduce(self, runs: NDArray[np.int16], step: int) -> None:
        points = (self._frames + step * np.arange(runs.shape[1])) // self.frames_per_point
        low, high = runs.min(axis=2) >> _EIGHT_BITS, runs.max(axis=2) >> _EIGHT_BITS
        for channel in range(self.channels):
            np.minimum.at(self._low[channel], points, low[channel].astype(np.int8))
            np.maximum.at(self._high[channel], points, high[channel].astype(np.int8))
        self._frames += runs.shape[1] * runs.shape[2]

    def _fold(self) -> None:
        low, high = self._low, self._high
        half = POINT_LIMIT // 2
        low[:, :half], high[:, :half] = np.minimum(low[:, ::2], low[:, 1::2]), np.maximum(high[:, ::2], high[:, 1::2])
        low[:, half:], high[:, half:] = 127, -128
        self.frames_per_point *= 2
