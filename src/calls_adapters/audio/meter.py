"""Measures samples as they pass: silences, levels and peaks in one go, in memory that does not grow with the audio.

Everything is counted in blocks of about 10 ms: ten times as many samples as there are whole ones in a millisecond.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calls_adapters.audio.source import Samples
from calls_adapters.audio.waveform import Waveform
from calls_adapters.audio.wire import Measured

_FULL_SCALE: Final = 32768.0
_CELLS_PER_BLOCK: Final = 10
_ALL_CHANNELS: Final = -1
# Chunks hold this many cells, or a power of two more: whole blocks, and whole points of any waveform.
_CHUNK_CELLS: Final = 2560
_CHUNK_SAMPLES: Final = 1 << 18
_MS: Final = 1000
_INAUDIBLE: Final = 1e-9


def cell_frames(sample_rate_hz: int) -> int:
    """Return how many frames are a millisecond, at most and at least one: the finest point of a waveform."""
    return max(1, sample_rate_hz // _MS)


def chunk_frames(channels: int, sample_rate_hz: int, *, longest_sec: float = math.inf) -> int:
    """Return a chunk size that keeps the processor's cache warm, or a smaller one that lasts at most *longest_sec*."""
    frames = _CHUNK_CELLS * cell_frames(sample_rate_hz)
    limit = min(_CHUNK_SAMPLES / channels, sample_rate_hz * longest_sec)
    while frames * 2 <= limit:
        frames *= 2
    return frames


class Meter:
    """Feed it chunks of ``chunk_frames`` frames, the last one shorter, then ask for the result."""

    def __init__(
        self, *, channels: int, sample_rate_hz: int, silence_threshold_dbfs: float, silence_min_sec: float
    ) -> None:
        self.frames = 0
        self._rate = sample_rate_hz
        self._block = _CELLS_PER_BLOCK * cell_frames(sample_rate_hz)
        self._quiet_below = (_FULL_SCALE * 10 ** (silence_threshold_dbfs / 20)) ** 2
        self._silences = Silences(channels, self._block, silence_min_sec * sample_rate_hz)
        self._levels = Levels(channels, self._block, sample_rate_hz)
        self._waveform = Waveform(channels, cell_frames(sample_rate_hz))

    def add(self, chunk: Samples) -> None:
        energies, lengths = self._blocks(chunk)
        quiet = energies < self._quiet_below * lengths
        self._silences.add(np.vstack((quiet.all(axis=0), quiet)) if len(quiet) > 1 else quiet)
        self._levels.add(energies, lengths)
        self._waveform.add(chunk)
        self.frames += chunk.shape[1]

    def measured(self, codec: str) -> Measured:
        return Measured(
            duration_sec=round(self.frames / self._rate, 3),
            codec=codec,
            channels=self._waveform.channels,
            sample_rate_hz=self._rate,
            samples_per_point=self._waveform.frames_per_point,
            marks=self._silences.marks(self.frames, self._rate).tobytes(),
            levels=self._levels.tenths().tobytes(),
            peaks=self._waveform.data(),
        )

    def _blocks(self, chunk: Samples) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        channels, frames = chunk.shape
        whole = frames // self._block
        loud = chunk[:, : whole * self._block].astype(np.float32).reshape(channels, whole, self._block)
        energies = np.einsum("cbi,cbi->cb", loud, loud).astype(np.float64)
        lengths = np.full(whole, self._block)
        rest = chunk[:, whole * self._block :].astype(np.float64)
        if rest.shape[1]:
            energies = np.hstack((energies, np.square(rest).sum(axis=1, keepdims=True)))
            lengths = np.append(lengths, rest.shape[1])
        return energies, lengths


class Silences:
    """Joins quiet blocks into stretches. With several channels, the first row is all of them at once."""

    def __init__(self, channels: int, block: int, shortest_frames: float) -> None:
        self._rows = [_ALL_CHANNELS, *range(channels)] if channels > 1 else [_ALL_CHANNELS]
        self._block = block
        # Half a frame of leeway: 0.7 s times the rate seldom is a whole number in floating point.
        self._shortest = shortest_frames - 0.5
        self._since: list[int | None] = [None] * len(self._rows)
        self._found: list[list[tuple[int, int]]] = [[] for _ in self._rows]
        self._blocks = 0

    def add(self, quiet: NDArray[np.bool_]) -> None:
        for row, blocks in enumerate(quiet):
            before = self._since[row] is not None
            changes = np.flatnonzero(np.diff(blocks, prepend=before))
            for change in (changes + self._blocks).tolist():
                since = self._since[row]
                if since is None:
                    self._since[row] = change
                else:
                    self._keep(row, since * self._block, change * self._block)
                    self._since[row] = None
        self._blocks += quiet.shape[1]

    def marks(self, frames: int, rate: int) -> NDArray[np.int32]:
        """Return rows of channel, start and end in milliseconds; silence at the end reaches to frame *frames*."""
        for row, since in enumerate(self._since):
            if since is not None:
                self._keep(row, since * self._block, frames)
        return np.asarray(
            [
                (channel, round(start * _MS / rate), round(end * _MS / rate))
                for channel, found in zip(self._rows, self._found, strict=True)
                for start, end in found
            ],
            np.int32,
        )

    def _keep(self, row: int, start: int, end: int) -> None:
        if end - start >= self._shortest:
            self._found[row].append((start, end))


class Levels:
    """Sums the energy of every second; a block belongs to the second that it starts in."""

    def __init__(self, channels: int, block: int, rate: int) -> None:
        self._energy = np.zeros((channels, 64))
        self._frames = np.zeros(64)
        self._block = block
        self._rate = rate
        self._blocks = 0
        self._total = 0

    def add(self, energies: NDArray[np.float64], lengths: NDArray[np.int64]) -> None:
        blocks = len(lengths)
        if not blocks:
            return
        seconds = (self._blocks + np.arange(blocks)) * self._block // self._rate
        first, after = int(seconds[0]), int(seconds[-1]) + 1
        if after > len(self._frames):
            self._energy = np.pad(self._energy, ((0, 0), (0, after)))
            self._frames = np.pad(self._frames, (0, after))
        for total, parts in zip((*self._energy, self._frames), (*energies, lengths), strict=True):
            total[first:after] += np.bincount(seconds - first, weights=parts)
        self._blocks += blocks
        self._total += int(lengths.sum())

    def tenths(self) -> NDArray[np.int16]:
        """Return tenths of dBFS of shape (channels, seconds begun); digital silence is very low, but finite."""
        seconds = -(-self._total // self._rate)
        if seconds > 1 and not self._frames[seconds - 1]:
            # The last second is shorter than a block, and that block began in the second before.
            for row in (*self._energy, self._frames):
                row[seconds - 1] = row[seconds - 2]
        mean = self._energy[:, :seconds] / np.maximum(self._frames[:seconds], 1)
        tenths: NDArray[np.float64] = 100 * np.log10(np.maximum(mean, _INAUDIBLE) / _FULL_SCALE**2)
        return np.rint(tenths).astype(np.int16)
