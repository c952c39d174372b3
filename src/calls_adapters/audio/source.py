"""What every way of decoding looks like to the rest of the child process."""

import sys
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from calls_core.errors import AudioTooComplex, NoAudioStream

Samples: TypeAlias = NDArray[np.int16]
"""Shape (channels, frames)."""

CHANNEL_LIMIT: Final = 8
LOWEST_RATE_HZ: Final = 1_000
HIGHEST_RATE_HZ: Final = 192_000


class Source(Protocol):
    """An opened file. *expected_frames* is what its header suggests, for progress only; 0 if nothing.

    *skipped* counts what could not be decoded so far.
    """

    codec: str
    channels: int
    sample_rate_hz: int
    expected_frames: int
    skipped: int

    @abstractmethod
    def chunks(self, frames: int) -> Iterator[Samples]:
        """Decode it all, in pieces of *frames* frames; only the last may be shorter. Call it once."""


def check_shape(channels: int, sample_rate_hz: int) -> None:
    """Raises ``NoAudioStream`` or ``AudioTooComplex``."""
    if channels < 1 or sample_rate_hz < 1:
        raise NoAudioStream("The file does not say how many channels or samples per second it has.")
    if channels > CHANNEL_LIMIT:
        raise AudioTooComplex(f"The audio has {channels} channels; at most {CHANNEL_LIMIT} are accepted.")
    if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
        raise AudioTooComplex(
            f"The audio has {sample_rate_hz} samples per second; {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} are accepted."
        )


def planar(interleaved: NDArray[np.int16], channels: int) -> Samples:
    """Tell the channels of one row of samples apart."""
    if channels == 1:
        return interleaved.reshape(1, -1)
    if channels == 2 and sys.byteorder == "little":
        # Shifting pairs is three times as fast as copying every other number.
        pairs = interleaved.view(np.int32)
        planes = np.empty((2, len(pairs)), np.int16)
        np.copyto(planes[0], pairs, casting="unsafe")
        np.right_shift(pairs, 16, out=planes[1], casting="unsafe")
        return planes
    return np.ascontiguousarray(interleaved.reshape(-1, channels).T)


def regrouped(pieces: Iterable[Samples], frames: int) -> Iterator[Samples]:
    """Cut *pieces* of any length into chunks of *frames* frames; only the last may be shorter."""
    waiting: list[Samples] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += piece.shape[1]
        if held < frames:
            continue
        joined = np.concatenate(waiting, axis=1)
        whole = held // frames * frames
        for start in range(0, whole, frames):
            yield joined[:, start : start + frames]
        held -= whole
        waiting = [joined[:, whole:]]
    if held:
        yield np.concatenate(waiting, axis=1)
